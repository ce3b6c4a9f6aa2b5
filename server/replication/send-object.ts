/** Writes a version into another store: in one request, or in the parts that it was uploaded in. */
import { StoreError } from '../../base/errors.ts';
import type { ObjectReader } from '../core/api.ts';
import type { PartRow } from '../core/model.ts';
import { checksumHeaders, describingHeaders } from './object-request.ts';
import type { Store, StoreReply } from './store-client.ts';

export interface Destination {
  readonly bucket: string;
  readonly key: string;
  readonly storageClass: string | undefined;
}

/** The operation of errors that the other store gave. */
export const SENDING = 'replication.send';

/** The store said that it will not have this: `invalid-argument`; not now: `unavailable`. */
export function checkReply(reply: StoreReply): StoreReply {
  const { status } = reply;
  // Complete may begin with 200 and end with an error.
  const isError = status >= 300 || reply.text.includes('<Error>');
  if (!isError) return reply;
  const code = /<Code>(\w{1,64})<\/Code>/.exec(reply.text)?.[1] ?? '';
  // 501: it will never have this, and what comes after need not wait for it.
  const isPassing =
    (status >= 500 && status !== 501) ||
    status < 400 ||
    status === 408 ||
    status === 429 ||
    passing.has(code);
  throw new StoreError(
    isPassing ? 'unavailable' : 'invalid-argument',
    SENDING,
    `the store answered ${status} ${code}`,
    { detail: { status, code } },
  );
}

/** Of 4xx replies: those that say nothing about the object. */
const passing: ReadonlySet<string> = new Set([
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'OperationAborted',
  'ConditionalRequestConflict',
  'SlowDown',
  'IncompleteBody',
  'BadDigest',
]);

/** Resolves with the version id that the store gave it, if it gives any. */
export async function sendObject(
  client: Store,
  reader: ObjectReader,
  to: Destination,
): Promise<string | undefined> {
  const { row } = reader;
  const first = await reader.parts(0, 1);
  if (first !== undefined) return sendParts(client, reader, to);
  const { bucket, key } = to;
  const reply = checkReply(
    await client.send({
      ...{ method: 'PUT', bucket, key },
      headers: { ...describingHeaders(row, to.storageClass), ...checksumHeaders(row.checksums) },
      ...(row.size === 0 ? {} : { body: { chunks: reader.read(0, row.size), size: row.size } }),
    }),
  );
  return reply.header('x-amz-version-id');
}

const PAGE_PARTS = 500;

async function sendParts(
  client: Store,
  reader: ObjectReader,
  to: Destination,
): Promise<string | undefined> {
  const { bucket, key } = to;
  const [whole] = reader.row.checksums;
  const created = checkReply(
    await client.send({
      ...{ method: 'POST', bucket, key, query: [['uploads', '']] },
      headers: {
        ...describingHeaders(reader.row, to.storageClass),
        ...(whole === undefined
          ? {}
          : {
              'x-amz-checksum-algorithm': whole.algorithm.toUpperCase(),
              'x-amz-checksum-type': whole.type === 'composite' ? 'COMPOSITE' : 'FULL_OBJECT',
            }),
      },
    }),
  );
  const uploadId = /<UploadId>([^<]+)<\/UploadId>/.exec(created.text)?.[1];
  if (uploadId === undefined) {
    throw new StoreError('unavailable', SENDING, 'the store named no upload');
  }
  const at = { bucket, key, uploadId };
  try {
    const listed = await uploadParts(client, reader, at);
    const reply = checkReply(
      await client.send({
        ...{ method: 'POST', bucket, key, query: [['uploadId', uploadId]] },
        body: documentOf(`<CompleteMultipartUpload>${listed}</CompleteMultipartUpload>`),
      }),
    );
    return reply.header('x-amz-version-id');
  } catch (error) {
    // Best effort: what cannot be told now is left to the store's own rules for such uploads.
    await client
      .send({ method: 'DELETE', bucket, key, query: [['uploadId', uploadId]] })
      .catch(() => undefined);
    throw error;
  }
}

async function uploadParts(
  client: Store,
  reader: ObjectReader,
  at: { readonly bucket: string; readonly key: string; readonly uploadId: string },
): Promise<string> {
  let after = 0;
  let start = 0;
  let listed = '';
  for (;;) {
    const page = await reader.parts(after, PAGE_PARTS);
    for (const part of page?.parts ?? []) {
      listed += await uploadPart(client, { reader, at, part, start });
      start += part.size;
      after = part.partNumber;
    }
    if (page?.truncated !== true) return listed;
  }
}

async function uploadPart(
  client: Store,
  what: {
    readonly reader: ObjectReader;
    readonly at: { readonly bucket: string; readonly key: string; readonly uploadId: string };
    readonly part: PartRow;
    readonly start: number;
  },
): Promise<string> {
  const { reader, at, part, start } = what;
  const { bucket, key, uploadId } = at;
  const [whole] = reader.row.checksums;
  const own = part.checksums.find((one) => one.algorithm === whole?.algorithm);
  const checksum = own === undefined ? {} : { [`x-amz-checksum-${own.algorithm}`]: own.value };
  const query = [
    ['partNumber', String(part.partNumber)],
    ['uploadId', uploadId],
  ] as const;
  const body = { chunks: reader.read(start, start + part.size), size: part.size };
  const reply = checkReply(
    await client.send({
      ...{ method: 'PUT', bucket, key, query, headers: checksum },
      ...(part.size === 0 ? {} : { body }),
    }),
  );
  const etag = (reply.header('etag') ?? '').replace(/[^\w-]/g, '');
  const name = own === undefined ? '' : `Checksum${own.algorithm.toUpperCase()}`;
  const shown = own === undefined ? '' : `<${name}>${own.value}</${name}>`;
  return `<Part><PartNumber>${part.partNumber}</PartNumber><ETag>"${etag}"</ETag>${shown}</Part>`;
}

/** A small document as a body. */
export function documentOf(text: string | Uint8Array): {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly size: number;
} {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
  return {
    size: bytes.length,
    chunks: (async function* () {
      await Promise.resolve();
      yield bytes;
    })(),
  };
}
