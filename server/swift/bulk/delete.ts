/**
 * `POST` or `DELETE …?bulk-delete`: a list of percent-encoded names, one a line, objects as
 * `container/object`. The answer is always 200; what became of the names stands in its body
 * (swift/common/middleware/bulk.py).
 */
import { toStoreError } from '../../../base/errors.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { deleteKept } from '../archive/keep.ts';
import type { AccountCall } from '../call.ts';
import { errorReply } from '../error-table.ts';
import { chooseFormat, type ListingType } from '../listing/format.ts';
import { bulkLimits } from '../limits.ts';
import { nameText, unquote } from '../path.ts';
import { Query } from '../query.ts';
import { Refusal, refuse, statusLine } from '../reply.ts';
import { type BulkReport, renderReport } from './report.ts';

/** Deletions of one request that run at a time: enough to share commits, too few to starve others. */
const concurrency = 16;

export async function bulkDelete(call: AccountCall): Promise<HttpReply> {
  const report: BulkReport = { status: 200, body: '', deleted: 0, notFound: 0, errors: [] };
  const type = readType(call);
  try {
    if (type === undefined) throw refuse(406);
    await deleteNames(call, await readNames(call), report);
    judge(report);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    report.status = error.reply.status;
    report.body = textOfReply(error.reply);
  }
  const body = renderReport(report, type ?? 'text/plain');
  return { status: 200, headers: [['Content-Type', type ?? 'text/plain']], body };
}

/** undefined: nothing that we write is acceptable, which the body then says in plain text. */
function readType(call: AccountCall): ListingType | undefined {
  try {
    return chooseFormat(new Query(''), call.headers).type;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** The names of the body: bytes still percent-encoded. Bounded in number and in length. */
async function readNames(call: AccountCall): Promise<readonly string[]> {
  const { request, headers } = call;
  if (headers.get('content-type')?.startsWith('text/plain') === false) throw refuse(406);
  if (request.contentLength === undefined && !request.isChunked) throw refuse(411);
  const names: string[] = [];
  let rest = '';
  for await (const chunk of request.body()) {
    const lines = (rest + Buffer.from(chunk).toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) addName(names, line);
    if (rest.length > bulkLimits.lineBytes) throw refuse(400, 'Invalid File Name');
  }
  addName(names, rest);
  return names;
}

function addName(names: string[], line: string): void {
  const name = line.trim();
  if (name === '') return;
  if (name.length > bulkLimits.lineBytes) throw refuse(400, 'Invalid File Name');
  if (names.length === bulkLimits.deletes) {
    throw refuse(413, `Maximum Bulk Deletes: ${bulkLimits.deletes} per request`);
  }
  names.push(name);
}

/** Objects first, so that a container listed with its objects is empty when its turn comes. */
async function deleteNames(
  call: AccountCall,
  names: readonly string[],
  report: BulkReport,
): Promise<void> {
  const isContainer = (name: string): boolean => !trimSlashes(unquote(name)).includes('/');
  for (const phase of [false, true]) {
    const waiting = names.filter((name) => isContainer(name) === phase);
    const next = waiting.values();
    const workers = Array.from({ length: Math.min(concurrency, waiting.length) }, async () => {
      for (const name of next) {
        if (report.errors.length >= bulkLimits.failures) return;
        record(report, unquote(name), await deleteName(call, name));
      }
    });
    await Promise.all(workers);
    if (report.errors.length >= bulkLimits.failures) {
      throw refuse(400, 'Max delete failures exceeded');
    }
  }
}

/** The status that a DELETE of its own would have had. */
async function deleteName(call: AccountCall, name: string): Promise<number> {
  const { core } = call.door;
  const { account, context } = call;
  try {
    const path = nameText(unquote(name)).replace(/^\/+/, '');
    const slash = path.indexOf('/');
    const container = slash < 0 ? path : path.slice(0, slash);
    const key = slash < 0 ? '' : path.slice(slash + 1);
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
    return errorReply(toStoreError(error, 'bulk.delete')).status;
  }
}

function record(report: BulkReport, bytes: string, status: number): void {
  if (status === 204) report.deleted += 1;
  else if (status === 404) report.notFound += 1;
  else report.errors.push([quoteBytes(bytes), statusLine(status), status]);
}

function judge(report: BulkReport): void {
  if (report.errors.length > 0) {
    // Swift tells its own trouble (502) from the client's (400).
    report.status = report.errors.some(([, , status]) => status >= 500) ? 502 : 400;
  } else if (report.deleted + report.notFound === 0) {
    report.status = 400;
    report.body = 'Invalid bulk delete.';
  }
}

/** Percent-encoding of bytes that need not be UTF-8. */
function quoteBytes(bytes: string): string {
  return bytes.replace(
    /[^\w.~/-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

function trimSlashes(name: string): string {
  let start = 0;
  let end = name.length;
  while (start < end && name[start] === '/') start += 1;
  while (end > start && name[end - 1] === '/') end -= 1;
  return name.slice(start, end);
}

function textOfReply(reply: HttpReply): string {
  return reply.body instanceof Uint8Array ? Buffer.from(reply.body).toString('utf8') : '';
}
