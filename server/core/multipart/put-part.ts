import { StoreError } from '../../../base/errors.ts';
import type { Core, IncomingBody } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { ChecksumAlgorithm, PartRow } from '../model.ts';
import { copySourceBody } from './part-source.ts';
import { discardRefused, targetOf } from '../object/put.ts';
import { ingestBody } from '../object/ingest.ts';
import { roomFor } from '../quota/room.ts';
import type { Services } from '../services.ts';
import type { ObjectKey } from '../encryption/object-key.ts';
import { findUpload, type FoundUpload, unlockUpload } from './find.ts';

function checkPartNumber(services: Services, partNumber: number): void {
  const { maxParts } = services.limits;
  if (Number.isInteger(partNumber) && partNumber >= 1 && partNumber <= maxParts) return;
  throw new StoreError('invalid-argument', 'upload.putPart', 'the part number is out of range', {
    detail: { argument: 'partNumber', limit: maxParts },
  });
}

/** The checksum that the upload promised is computed for every part, whether the client sent it or not. */
function algorithmsOf(found: FoundUpload, body: IncomingBody): readonly ChecksumAlgorithm[] {
  const promised = found.upload.checksum?.algorithm;
  return promised === undefined
    ? (body.checksums ?? [])
    : [...new Set([...(body.checksums ?? []), promised])];
}

async function storePart(
  services: Services,
  ctx: RequestContext,
  input: {
    found: FoundUpload;
    key: string;
    partNumber: number;
    body: IncomingBody;
    objectKey: ObjectKey | undefined;
  },
): Promise<PartRow> {
  const { found, key, partNumber, body: incoming, objectKey } = input;
  const { containerId } = found.container;
  const body = { ...incoming, checksums: algorithmsOf(found, incoming) };
  // Parts count when they become an object; what could never be one is not taken in.
  const room = await roomFor(services, ctx, { container: found.container, key });
  const ingested = await ingestBody(services, ctx, {
    ...{ body, room },
    target: targetOf(services, found.container, { key, storageClass: found.upload.storageClass }),
    objectKey,
  });
  const { inline, size, etag, checksums } = ingested;
  try {
    return await services.rows.execute({
      type: 'upload.put-part',
      containerId,
      key,
      uploadId: found.upload.uploadId,
      part: { partNumber, size, etag, checksums, body: ingested.body },
      ...(inline === undefined ? {} : { inline }),
    });
  } catch (error) {
    discardRefused(services, ingested.body, error);
    throw error;
  }
}

export async function putPart(
  services: Services,
  ctx: RequestContext,
  command: Parameters<Core['putPart']>[1],
): Promise<PartRow> {
  const { key, partNumber, body } = command;
  checkPartNumber(services, partNumber);
  const found = await findUpload(services, ctx, { address: command, action: 'object.write' });
  const objectKey = await unlockUpload(services, ctx, found, command);
  return storePart(services, ctx, { found, key, partNumber, body, objectKey });
}

export async function copyPart(
  services: Services,
  ctx: RequestContext,
  command: Parameters<Core['copyPart']>[1],
): ReturnType<Core['copyPart']> {
  const { key, partNumber } = command;
  checkPartNumber(services, partNumber);
  const found = await findUpload(services, ctx, { address: command, action: 'object.write' });
  const objectKey = await unlockUpload(services, ctx, found, command);
  const source = await copySourceBody(services, ctx, command);
  const { version } = source;
  // What was announced is enough: nobody stated a value of anything else.
  const checksums = found.upload.checksum === undefined ? command.checksums : undefined;
  const body = { ...source.body, checksums };
  const part = await storePart(services, ctx, { found, key, partNumber, body, objectKey });
  return { ...part, sourceVersion: version, encryption: found.upload.encryption };
}
