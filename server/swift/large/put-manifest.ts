/** `PUT ?multipart-manifest=put`: makes a static large object (swift/common/middleware/slo.py). */
import { concatBytes } from '../../../base/bytes.ts';
import { InvariantError } from '../../../base/invariant.ts';
import { StoreError, toStoreError } from '../../../base/errors.ts';
import type {
  ManifestOutcome,
  PartProblem,
  PutManifest,
} from '../../core/large/manifest-command.ts';
import { bareEtag, type VersionRow } from '../../core/model.ts';
import { headerBytes, type HttpReply } from '../../http/exchange.ts';
import { keepReplaced } from '../archive/keep.ts';
import { withHeartbeat } from '../bulk/heartbeat.ts';
import { quoteBytes, type ReportError, renderReport, reportType } from '../bulk/report.ts';
import type { ObjectCall } from '../call.ts';
import { errorReply, statusOf } from '../error-table.ts';
import { isTrue } from '../headers.ts';
import { manifestLimits } from '../limits.ts';
import type { ListingType } from '../listing/format.ts';
import { readObjectMetadata } from '../metadata.ts';
import { readWriteCondition } from '../object/conditions.ts';
import { readExpiry } from '../object/expiry.ts';
import { checkKeyLength, contentTypeFor, readSystemHeaders } from '../object/object-headers.ts';
import { Refusal, reasonOf, refuse, statusLine, statusReply } from '../reply.ts';
import { formatLastModified } from '../timestamps.ts';
import { madeVersionHeaders } from '../versions/version-id.ts';
import { parseManifest } from './manifest-input.ts';

export async function putManifest(call: ObjectCall): Promise<HttpReply> {
  const { headers } = call;
  if ((headers.get('x-copy-from') ?? '') !== '') {
    throw refuse(405, 'Multipart Manifest PUTs cannot be COPY requests');
  }
  const condition = readWriteCondition(headers);
  checkKeyLength(call, call.key);
  const entries = parseManifest(call, await readManifestBody(call));
  const { account, container, key } = call;
  const etag = (headers.get('etag') ?? '').replace(/^"(.*)"$/, '$1');
  const parts = entries.map(({ claim }) => claim);
  const command: PutManifest = {
    ...{ account, container, key, parts, condition },
    ...(etag === '' ? {} : { etag }),
    contentType: contentTypeFor(headers, key),
    system: readSystemHeaders(headers),
    user: readObjectMetadata(headers),
    expiresAt: readExpiry(headers, call.door.clock.now()),
  };
  const making: Making = { command, paths: entries.map(({ path }) => path) };
  const type = reportType(headers) ?? 'text/plain';
  if (!isTrue(call.query.text('heartbeat'))) return manifestReply(call, type, making);
  // The status goes out before the work is done; what became of it stands in the body.
  return {
    status: 202,
    headers: [['Content-Type', type]],
    body: withHeartbeat(call.door.clock, ' ', reportOf(call, type, making)),
  };
}

export interface Making {
  readonly command: PutManifest;
  /** Of the parts, as reports name them. */
  readonly paths: readonly string[];
}

/** What a manifest's PUT or COPY is answered with when it does not ask for a heartbeat. */
export async function manifestReply(
  call: ObjectCall,
  type: ListingType,
  making: Making,
): Promise<HttpReply> {
  const made = await make(call, making);
  if (made.type === 'stored') {
    const { outcome } = made;
    return statusReply(201, [...rowHeaders(outcome.row), ...madeVersionHeaders(outcome)]);
  }
  const errors = errorsOf(call, making.paths, made.problems);
  const body = renderReport({ fields: {}, errors }, type, 'upload');
  return { status: 400, headers: [['Content-Type', type]], body };
}

function rowHeaders(row: VersionRow): [string, string][] {
  return [
    ['Etag', `"${bareEtag(row.etag)}"`],
    ['Last-Modified', formatLastModified(row.modifiedAt)],
  ];
}

async function make(call: ObjectCall, { command }: Making): Promise<ManifestOutcome> {
  const { account, container, key } = command;
  await keepReplaced(call, { account: account ?? call.account, container, key });
  return call.door.core.putManifest(call.context, command);
}

async function reportOf(call: ObjectCall, type: ListingType, making: Making): Promise<Uint8Array> {
  let made: ManifestOutcome;
  try {
    made = await make(call, making);
  } catch (error) {
    if (error instanceof InvariantError) throw error;
    const reply =
      error instanceof Refusal ? error.reply : errorReply(toStoreError(error, 'manifest.put'));
    const { status } = reply;
    return renderReport({ fields: failure(status), errors: [] }, type, 'upload');
  }
  if (made.type === 'rejected') {
    const errors = errorsOf(call, making.paths, made.problems);
    return renderReport({ fields: failure(400), errors }, type, 'upload');
  }
  const { row } = made.outcome;
  const fields = {
    'Response Status': statusLine(201),
    'Response Body': '',
    Etag: `"${bareEtag(row.etag)}"`,
    'Last Modified': formatLastModified(row.modifiedAt),
  };
  return renderReport({ fields, errors: [] }, type, 'upload');
}

function failure(status: number): Readonly<Record<string, string>> {
  return { 'Response Status': statusLine(status), 'Response Body': reasonOf(status) };
}

const reasons = {
  'unsatisfiable-range': 'Unsatisfiable Range',
  'too-small': 'Too small; each segment must be at least 1 byte.',
  'size-mismatch': 'Size Mismatch',
  'etag-mismatch': 'Etag Mismatch',
} as const;

function errorsOf(
  call: ObjectCall,
  paths: readonly string[],
  problems: readonly PartProblem[],
): readonly ReportError[] {
  return problems.map(({ index, reason }) => {
    const line =
      reason instanceof StoreError ? statusLine(statusOf(call, reason)) : reasons[reason];
    return [quoteBytes(headerBytes(paths[index] ?? '')), line];
  });
}

/** Throws Refusal 411, 413. */
export async function readManifestBody(call: ObjectCall): Promise<Uint8Array> {
  const { contentLength, isChunked } = call.request;
  if (contentLength === undefined && !isChunked)
    throw refuse(411, 'Missing Content-Length header.');
  const tooLarge = (): Refusal => refuse(413, `Manifest File > ${manifestLimits.bytes} bytes`);
  if ((contentLength ?? 0) > manifestLimits.bytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of call.request.body()) {
    bytes += chunk.length;
    if (bytes > manifestLimits.bytes) throw tooLarge();
    chunks.push(chunk);
  }
  return concatBytes(chunks);
}
