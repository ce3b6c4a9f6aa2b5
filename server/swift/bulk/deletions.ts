/** What became of deletions that one request asked for: counted and listed as Swift's bulk middleware does. */
import { toStoreError } from '../../../base/errors.ts';
import { deleteKept } from '../archive/keep.ts';
import type { AccountCall } from '../call.ts';
import { statusOf } from '../error-table.ts';
import { passFilters } from '../filters/pass.ts';
import type { ListingType } from '../listing/format.ts';
import { bulkLimits } from '../limits.ts';
import { nameText } from '../path.ts';
import { Refusal, refuse, statusLine } from '../reply.ts';
import { quoteBytes, renderReport, type ReportError } from './report.ts';

/** Deletions of one request that run at a time: enough to share commits, too few to starve others. */
const concurrency = 16;

export class Deletions {
  #deleted = 0;
  #notFound = 0;
  readonly #errors: ReportError[] = [];
  /** Swift tells its own trouble (502) from the client's (400). */
  #isOurFault = false;

  /** `bytes`: the name, percent-decoded. */
  record(bytes: string, status: number): void {
    if (status === 204) this.#deleted += 1;
    else if (status === 404) this.#notFound += 1;
    else this.fail(bytes, statusLine(status), status >= 500);
  }

  fail(bytes: string, line: string, isOurFault = false): void {
    this.#errors.push([quoteBytes(bytes), line]);
    this.#isOurFault ||= isOurFault;
  }

  get isHopeless(): boolean {
    return this.#errors.length >= bulkLimits.failures;
  }

  /** The report; `refusal` ended the request before its end. */
  render(type: ListingType, refusal?: Refusal): Uint8Array {
    const [status, text] = refusal === undefined ? this.#verdict() : verdictOf(refusal);
    const fields = {
      'Number Deleted': this.#deleted,
      'Number Not Found': this.#notFound,
      'Response Body': text,
      'Response Status': statusLine(status),
    };
    return renderReport({ fields, errors: this.#errors }, type, 'delete');
  }

  #verdict(): [status: number, text: string] {
    if (this.#errors.length > 0) return [this.#isOurFault ? 502 : 400, ''];
    return this.#deleted + this.#notFound === 0 ? [400, 'Invalid bulk delete.'] : [200, ''];
  }
}

function verdictOf(refusal: Refusal): [status: number, text: string] {
  const { status, body } = refusal.reply;
  return [status, body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : ''];
}

/** Deletes `container/key` and containers, some at a time. `names` are bytes, percent-decoded. Throws Refusal 400 when too many fail. */
export async function deleteAll(
  call: AccountCall,
  names: Iterable<string>,
  deletions: Deletions,
): Promise<void> {
  const waiting = names[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true; next = waiting.next()) {
      if (deletions.isHopeless) return;
      deletions.record(next.value, await deleteOne(call, next.value));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  if (deletions.isHopeless) throw refuse(400, 'Max delete failures exceeded');
}

/** The status that a DELETE of its own would have had. */
async function deleteOne(call: AccountCall, bytes: string): Promise<number> {
  const { core } = call.door;
  const { account, context } = call;
  try {
    const path = nameText(bytes).replace(/^\/+/, '');
    // What is left names the account, and accounts are not deleted through this door.
    if (path === '') return 405;
    const slash = path.indexOf('/');
    const container = slash < 0 ? path : path.slice(0, slash);
    const key = slash < 0 ? '' : path.slice(slash + 1);
    await passFilters({ ...call, container, key }, 'DELETE', call.request.signal);
    if (key === '') {
      await core.deleteContainer(context, { account, container });
      return 204;
    }
    const kept = await deleteKept({ ...call, container, key });
    if (kept !== undefined) return kept.status;
    const command = { account, container, key, leavesGap: true, condition: {} };
    const outcome = await core.deleteObject(context, command);
    return outcome.deleted === undefined ? 404 : 204;
  } catch (error) {
    if (error instanceof Refusal) return error.reply.status;
    return statusOf(call, toStoreError(error, 'bulk.delete'));
  }
}
