/**
 * `PUT …?extract-archive=tar|tar.gz|tar.bz2`: every file of the archive becomes an object below the
 * path, its containers made as needed. The answer is always 200; what became of the files stands in
 * its body (swift/common/middleware/bulk.py).
 */
import { isStoreError, type StoreError, toStoreError } from '../../../base/errors.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { headerBytes } from '../../http/exchange.ts';
import { slowReply } from '../bulk/heartbeat.ts';
import { quoteBytes, renderReport, type ReportError, reportType } from '../bulk/report.ts';
import type { AccountCall } from '../call.ts';
import { statusOf } from '../error-table.ts';
import { extractLimits } from '../limits.ts';
import type { ListingType } from '../listing/format.ts';
import { passFilters } from '../filters/pass.ts';
import { runInnerPut } from '../object/inner-put.ts';
import type { SwiftPath } from '../path.ts';
import { Refusal, refuse, statusLine } from '../reply.ts';
import { headersOfFile } from './headers.ts';
import { type Compression, readTar, type TarFile } from './tar.ts';

const compressions: Readonly<Record<string, Compression>> = {
  tar: 'none',
  'tar.gz': 'gz',
  'tar.bz2': 'bz2',
};

export function extractArchive(call: AccountCall, path: SwiftPath): Promise<HttpReply> {
  const name = (call.query.text('extract-archive') ?? '').toLowerCase().replace(/^\.+|\.+$/g, '');
  const compression = compressions[name];
  if (compression === undefined) throw refuse(400, 'Unsupported archive format');
  const type = reportType(call.headers) ?? 'text/plain';
  return slowReply(call, type, () => extract(call, path, { compression, type }));
}

async function extract(
  call: AccountCall,
  path: SwiftPath,
  how: { readonly compression: Compression; readonly type: ListingType },
): Promise<Uint8Array> {
  const extraction = new Extraction(call, baseOf(path));
  let verdict: readonly [status: number, text: string];
  try {
    if (reportType(call.headers) === undefined) throw refuse(406);
    const { request, door } = call;
    if (request.contentLength === undefined && !request.isChunked) throw refuse(411);
    for await (const file of readTar(request.body(), how.compression, door.clock)) {
      if (!(await extraction.add(file))) break;
    }
    verdict = extraction.verdict();
  } catch (error) {
    verdict = verdictOf(error);
  }
  const [status, text] = verdict;
  const fields = {
    'Number Files Created': extraction.created,
    'Response Body': text,
    'Response Status': statusLine(status),
  };
  return renderReport({ fields, errors: extraction.errors }, how.type, 'extract');
}

function verdictOf(error: unknown): readonly [status: number, text: string] {
  if (error instanceof Refusal) {
    const { status, body } = error.reply;
    return [status, body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : ''];
  }
  const failure = toStoreError(error, 'swift.extract');
  if (failure.detail['archive'] !== true) throw failure;
  return [400, `Invalid Tar File: ${failure.message}`];
}

/** '' or `container[/prefix]`. */
function baseOf(path: SwiftPath): string {
  if (path.shape === 'account') return '';
  const base = path.shape === 'object' ? `${path.container}/${path.key}` : path.container;
  return base.replace(/\/+$/, '');
}

class Extraction {
  readonly #call: AccountCall;
  readonly #base: string;
  readonly #containers = new Set<string>();
  #made = 0;
  #isOurFault = false;
  created = 0;
  readonly errors: ReportError[] = [];

  constructor(call: AccountCall, base: string) {
    this.#call = call;
    this.#base = base;
  }

  /** False: too many went wrong to go on. */
  async add(file: TarFile): Promise<boolean> {
    const path = this.#pathOf(file.name);
    // A file at the top has no container to lie in.
    if (!path.includes('/')) return true;
    const status = await this.#store(path, file);
    if (status < 300) this.created += 1;
    else {
      this.#isOurFault ||= status >= 500;
      this.errors.push([quoteBytes(headerBytes(path)).slice(0, 4096), statusLine(status)]);
      if (status === 401) throw refuse(401);
    }
    return this.errors.length < extractLimits.failures;
  }

  verdict(): readonly [status: number, text: string] {
    if (this.errors.length > 0) return [this.#isOurFault ? 502 : 400, ''];
    return this.created === 0 ? [400, 'Invalid Tar File: No Valid Files'] : [201, ''];
  }

  /** Names are keys, not paths: `..` is a name like any other. */
  #pathOf(name: string): string {
    const relative = name.replace(/^\.\//, '').replace(/^\/+/, '');
    return this.#base === '' ? relative : `${this.#base}/${relative}`;
  }

  async #store(path: string, file: TarFile): Promise<number> {
    // What was no UTF-8 in the archive, or holds NUL, is no name here.
    if (/[\0\uFFFD]/.test(path)) return 412;
    const { door, request, principal, context, account } = this.#call;
    if (file.size > door.core.limits.maxBodyBytes) return 413;
    const slash = path.indexOf('/');
    const container = path.slice(0, slash);
    const failure = await this.#makeContainer(container);
    try {
      const reply = await runInnerPut({
        ...{ door, request, principal, context, account, container },
        ...{ key: path.slice(slash + 1), chunks: file.body, size: file.size },
        headers: headersOfFile(this.#call.headers, file.records),
      });
      return reply.status;
    } catch (error) {
      if (error instanceof Refusal) return error.reply.status;
      const reason = toStoreError(error, 'swift.extract');
      // The archive itself, or the connection, is at fault, not this file.
      if (reason.detail['archive'] === true || reason.kind === 'incomplete-body') throw reason;
      // What kept the container from being made tells more than that it is missing.
      return statusOf(this.#call, failure ?? reason);
    }
  }

  async #makeContainer(container: string): Promise<StoreError | undefined> {
    if (this.#containers.has(container)) return undefined;
    const { door, context, account } = this.#call;
    const address = { account, container };
    try {
      const isThere = await this.#isThere(address);
      if (!isThere) {
        if (this.#made >= extractLimits.containers) {
          throw refuse(400, `More than ${extractLimits.containers} containers to create from tar.`);
        }
        await passFilters({ ...this.#call, container, key: '' }, 'PUT', this.#call.request.signal);
        const wanted = { claimName: 'if-free', policy: undefined, settings: {} } as const;
        await door.core.createContainer(context, address, wanted);
        this.#made += 1;
      }
      this.#containers.add(container);
      return undefined;
    } catch (error) {
      if (!isStoreError(error)) throw error;
      // The file may be allowed all the same: an ACL may let its writer in who may not make containers.
      return error;
    }
  }

  async #isThere(address: {
    readonly account: string;
    readonly container: string;
  }): Promise<boolean> {
    const { door, context } = this.#call;
    try {
      await door.core.headContainer(context, address);
      return true;
    } catch (error) {
      if (isStoreError(error, 'no-such-container')) return false;
      throw error;
    }
  }
}
