/** A PUT of an object that a request of another kind contains: the file of a form or of an archive. */
import type { Principal } from '../../core/api.ts';
import type { RequestContext } from '../../core/request.ts';
import type { HttpReply, HttpRequest } from '../../http/exchange.ts';
import type { SwiftDoor } from '../call.ts';
import { passFilters } from '../filters/pass.ts';
import type { Headers } from '../headers.ts';
import { Query } from '../query.ts';
import { putObject } from './put.ts';

export interface InnerPut {
  readonly door: SwiftDoor;
  /** The one that contains it. */
  readonly request: HttpRequest;
  readonly principal: Principal;
  readonly context: RequestContext;
  readonly account: string;
  readonly container: string;
  readonly key: string;
  readonly headers: Headers;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** undefined: nobody knows before the end. */
  readonly size: number | undefined;
}

/** What the PUT would have been answered by itself; throws as it would. */
export async function runInnerPut(put: InnerPut): Promise<HttpReply> {
  const { request, chunks, size, ...rest } = put;
  await passFilters(put, 'PUT', request.signal);
  const { path, query, rawHeaders, secure, remoteAddress, signal, tlsVersion } = request;
  const inner: HttpRequest = {
    ...{ path, query, rawHeaders, secure, remoteAddress, signal, tlsVersion },
    method: 'PUT',
    header: (name) => request.header(name),
    contentLength: size,
    isChunked: size === undefined,
    body: () => chunks,
  };
  return putObject({ ...rest, request: inner, query: new Query('') });
}
