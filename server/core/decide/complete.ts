import { createHash } from 'node:crypto';
import { StoreError } from '../../../base/errors.ts';
import type { CompleteArgs, PutOutcome } from '../commands.ts';
import { combineCrcs, isCrc } from '../digest/crc-combine.ts';
import { digestOf } from '../digest/checksum.ts';
import type {
  Checksum,
  ChecksumAlgorithm,
  ChecksumType,
  CompletedUpload,
  ContainerRow,
  PartRow,
  PartRun,
  UploadRow,
} from '../model.ts';
import type { Commit } from './commit.ts';
import { putVersion } from './object.ts';
import { noSuchUpload } from './upload.ts';

const OP = 'upload.complete';

const asReplica = { replication: { status: 'replica' } } as const;

/** How long a completed upload answers a repeated Complete. */
const COMPLETED_MILLIS = 24 * 60 * 60 * 1000;

/** Every part number there can be. */
const everyPart: readonly PartRun[] = [{ first: 0, count: 65_536, size: 0 }];

export function completeUpload(commit: Commit, args: CompleteArgs): PutOutcome {
  const { containerId, key, uploadId, condition } = args;
  const container = commit.container(containerId);
  const upload = commit.view.get('upload', { containerId, key, uploadId });
  if (upload === undefined) throw noSuchUpload(OP);
  if (upload.completed !== undefined) {
    // A repetition asks for the same object; and there is nothing to tell of one that is gone.
    const isSame = etagOf(args.parts) === upload.completed.etag;
    const isThere = commit.view.get('current', { containerId, key }) !== undefined;
    if (!isSame || !isThere) throw noSuchUpload(OP);
    return answerAgain(container, upload, upload.completed);
  }
  const parts = checkParts(commit, args);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  if (args.size !== undefined && args.size !== size) {
    throw new StoreError('invalid-argument', OP, 'the parts do not add up to the stated size', {
      detail: { argument: 'size', expected: args.size, actual: size },
    });
  }
  const checksums = checksumsOf(upload, parts, args.checksum);
  const etag = etagOf(parts);
  const runs = runsOf(parts);
  const { contentType, system, user, expiresAt, encryption, lock } = upload;
  const expiry = expiresAt === undefined ? {} : { expiresAt };
  const body = { type: 'parts', uploadId, runs } as const;
  const origin = upload.isReplica === true ? asReplica : {};
  const { storageClass } = upload;
  const described = { contentType, system, user, encryption, lock, storageClass };
  const object = { size, etag, ...described, checksums, body, ...expiry, ...origin };
  const cause = { event: 'created:complete', ...args.cause } as const;
  const outcome = putVersion(commit, args, { object, condition, cause });
  finishUpload(commit, args, { upload, outcome, runs });
  return outcome;
}

/** Keeps the row for a repeated Complete, and queues the parts that were not listed, and later the row itself, for removal. */
function finishUpload(
  commit: Commit,
  args: CompleteArgs,
  what: { upload: UploadRow; outcome: PutOutcome; runs: readonly PartRun[] },
): void {
  const { containerId, key, uploadId } = args;
  const { row, replaced } = what.outcome;
  const { etag, version, isNull, size, checksums } = row;
  const completed: CompletedUpload = { etag, version, isNull, size, checksums, replaced };
  const at = { containerId, key, uploadId };
  commit.change({ type: 'put', table: 'upload', key: at, row: { ...what.upload, completed } });
  commit.addUsage(containerId, commit.container(containerId), { uploads: -1 });
  const { releaseGraceMillis, completedUploadMillis } = commit.options;
  commit.enqueue(containerId, commit.nowMillis + releaseGraceMillis, {
    type: 'release-parts',
    ...at,
    keep: what.runs,
    dropUpload: false,
  });
  commit.enqueue(containerId, commit.nowMillis + (completedUploadMillis ?? COMPLETED_MILLIS), {
    type: 'release-parts',
    ...at,
    keep: everyPart,
    dropUpload: true,
  });
}

/** The same answer as the first time, even if the object was replaced since. */
function answerAgain(
  container: ContainerRow,
  upload: UploadRow,
  completed: CompletedUpload,
): PutOutcome {
  const { contentType, system, user, encryption } = upload;
  const { replaced, ...known } = completed;
  return {
    row: {
      ...known,
      kind: 'object',
      modifiedAt: completed.version,
      contentType,
      system,
      user,
      encryption,
      body: { type: 'empty' },
    },
    versioning: container.versioning,
    replaced,
  };
}

function checkParts(commit: Commit, args: CompleteArgs): readonly PartRow[] {
  if (args.parts.length === 0) {
    throw new StoreError('invalid-argument', OP, 'no part is listed', {
      detail: { argument: 'parts' },
    });
  }
  let previous = 0;
  for (const { partNumber } of args.parts) {
    if (partNumber <= previous) {
      throw new StoreError('invalid-part-order', OP, 'part numbers must ascend', {
        detail: { partNumber },
      });
    }
    previous = partNumber;
  }
  const parts = args.parts.map((listed) => checkPart(commit, args, listed));
  const small = parts.findIndex((part) => part.size < args.minPartBytes);
  const part = parts[small];
  if (part !== undefined && small < parts.length - 1) {
    const { partNumber, size, etag } = part;
    throw new StoreError('part-too-small', OP, 'a part other than the last is too small', {
      detail: { partNumber, size, etag, minPartBytes: args.minPartBytes },
    });
  }
  return parts;
}

function checkPart(
  commit: Commit,
  args: CompleteArgs,
  listed: CompleteArgs['parts'][number],
): PartRow {
  const { containerId, key, uploadId } = args;
  const { partNumber, checksum } = listed;
  const part = commit.view.get('part', { containerId, key, uploadId, partNumber });
  const detail = { partNumber, etag: listed.etag };
  if (part === undefined || part.etag !== listed.etag.toLowerCase()) {
    throw new StoreError('invalid-part', OP, 'a part is not there, or has another etag', {
      detail,
    });
  }
  if (checksum === undefined) return part;
  const own = part.checksums.find((known) => known.algorithm === checksum.algorithm);
  if (own?.value === checksum.value) return part;
  throw new StoreError('invalid-part', OP, 'a part has another checksum', {
    detail: { ...detail, algorithm: checksum.algorithm },
  });
}

/** MD5 over the parts' raw MD5s, and their number: what S3 clients expect. */
function etagOf(parts: readonly { readonly etag: string }[]): string {
  const hash = createHash('md5');
  for (const { etag } of parts) hash.update(etag, 'hex');
  return `${hash.digest('hex')}-${parts.length}`;
}

/** Consecutive parts of one size, counted. */
function runsOf(parts: readonly PartRow[]): readonly PartRun[] {
  const runs: { first: number; count: number; size: number }[] = [];
  for (const { partNumber, size } of parts) {
    const last = runs.at(-1);
    if (last?.size === size && last.first + last.count === partNumber) last.count++;
    else runs.push({ first: partNumber, count: 1, size });
  }
  return runs;
}

/** What parts get that name no checksum, so that their object has one too. */
const usual = { algorithm: 'crc64nvme', type: 'full-object' } as const;

/** What was announced at Create, or else what the client states at Complete, or else the usual one, where the parts have it. A stated value must be the computed one. */
function checksumsOf(
  upload: UploadRow,
  parts: readonly PartRow[],
  stated: Checksum | undefined,
): readonly Checksum[] {
  const wanted = upload.checksum ?? stated ?? usual;
  const computed = wholeChecksum(parts, wanted.algorithm, wanted.type);
  if (stated === undefined) return computed === undefined ? [] : [computed];
  const { algorithm, type } = stated;
  if (computed?.algorithm !== algorithm || computed.type !== type) {
    throw new StoreError('invalid-argument', OP, 'the parts do not have this checksum', {
      detail: { argument: 'checksum', algorithm, type },
    });
  }
  if (computed.value === stated.value) return [computed];
  throw new StoreError('digest-mismatch', OP, 'the object does not have the stated checksum', {
    detail: { algorithm, type, isChecksum: true },
  });
}

/** Undefined when a part lacks it, or when this algorithm cannot be combined. */
function wholeChecksum(
  parts: readonly PartRow[],
  algorithm: ChecksumAlgorithm,
  type: ChecksumType,
): Checksum | undefined {
  const pieces: { digest: Uint8Array; size: number }[] = [];
  for (const part of parts) {
    const own = part.checksums.find((known) => known.algorithm === algorithm);
    if (own === undefined) return undefined;
    pieces.push({ digest: Buffer.from(own.value, 'base64'), size: part.size });
  }
  if (type === 'composite') {
    const whole = digestOf(algorithm, Buffer.concat(pieces.map((piece) => piece.digest)));
    return { algorithm, type, value: Buffer.from(whole).toString('base64') };
  }
  if (!isCrc(algorithm)) return undefined;
  const whole = combineCrcs(algorithm, pieces);
  return { algorithm, type, value: Buffer.from(whole).toString('base64') };
}
