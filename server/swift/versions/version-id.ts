/**
 * Versions of Swift's `object_versioning` are core's own (decision 0027): an id that one door gave is good in the
 * other. Where a client names a version, Swift's own form of a timestamp is taken for the stamp that it means.
 */
import { isStoreError, StoreError } from '../../../base/errors.ts';
import type { ObjectReader } from '../../core/api.ts';
import type { DeleteOutcome, PutOutcome } from '../../core/commands.ts';
import { versionIdOf } from '../../core/model.ts';
import type { ContainerCall, ObjectCall } from '../call.ts';
import { quote } from '../path.ts';
import { linkPath } from '../symlink/link.ts';
import { refuse, Refusal, statusReply } from '../reply.ts';

/** The content type that Swift shows for a delete marker. */
export const markerType = 'application/x-deleted;swift_versions_deleted=1';

/** The version that `version-id` names, as core spells it; undefined without one. Throws Refusal 400. */
export function readVersionId(call: ObjectCall): string | undefined {
  const given = call.query.text('version-id') ?? '';
  if (given === '') return undefined;
  const versionId = parseVersion(given);
  if (versionId === undefined) throw refuse(400, 'Invalid version parameter');
  return versionId;
}

/** Core's id, or a timestamp as Swift writes them (`1234567890.12345`, perhaps with an offset). */
export function parseVersion(text: string): string | undefined {
  if (text === 'null' || /^00[01][0-9a-f]{13}$/.test(text)) return text;
  const match = /^(\d{1,10})(?:\.(\d+))?(?:_[0-9a-f]{1,16})?$/.exec(text);
  if (match === null) return undefined;
  const [, seconds = '', fraction = ''] = match;
  const stamp = Number(seconds) * 1_000_000 + Number(fraction.padEnd(6, '0').slice(0, 6));
  return stamp.toString(16).padStart(16, '0');
}

/** What a reply says of the version that it shows, and where else it can be had: as that version, or where a link led. */
export function placeHeaders(call: ObjectCall, reader: ObjectReader): [string, string][] {
  const { container, row, target } = reader;
  const isAddressed = call.query.has('version-id');
  // Of a link within the container Swift shows the version of what it leads to.
  const isNear = target?.container === call.container && target.account === call.account;
  const versionId = versionIdOf(isNear && !isAddressed ? target.row : row);
  const isVersioned = container.versioning !== 'off';
  const headers: [string, string][] = [];
  if (isVersioned || isAddressed) headers.push(['X-Object-Version-Id', versionId]);
  if (target !== undefined) headers.push(['Content-Location', linkPath(call, target)]);
  else if (isVersioned && !isAddressed && !row.isNull) {
    headers.push(['Content-Location', versionPath(call, call.key, versionId)]);
  }
  return headers;
}

/** The id of a version that was made, while the container makes such. */
export function madeVersionHeaders(outcome: PutOutcome): [string, string][] {
  if (outcome.versioning !== 'enabled') return [];
  return [['X-Object-Version-Id', versionIdOf(outcome.row)]];
}

/** What a deletion did to the history, and which version is current since. */
export function deletedVersionHeaders(
  outcome: DeleteOutcome,
  versionId: string | undefined,
): [string, string][] {
  const { marker, current, versioning } = outcome;
  if (versionId === undefined || versioning === 'off') {
    return marker === undefined ? [] : [['X-Object-Version-Id', versionIdOf(marker)]];
  }
  return [
    ['X-Object-Version-Id', versionId],
    ['X-Object-Current-Version-Id', current === undefined ? 'null' : versionIdOf(current)],
  ];
}

export function versionPath(call: ContainerCall, key: string, versionId: string): string {
  return `${quote(`/v1/${call.account}/${call.container}/${key}`)}?version-id=${versionId}`;
}

/** Errors about a version that was named, as Swift words them: a delete marker is not found, and says what it is. */
export async function explainVersionError(call: ObjectCall, error: unknown): Promise<unknown> {
  const versionId = readVersionId(call);
  if (versionId === undefined || !isStoreError(error)) return error;
  if (error.kind === 'is-delete-marker') {
    return new Refusal({
      ...statusReply(404),
      headers: [
        ['Content-Type', markerType],
        ['X-Object-Version-Id', versionId],
      ],
    });
  }
  if (error.kind !== 'no-such-version' || versionId === 'null') return error;
  const { account, container } = call;
  const { row } = await call.door.core.headContainer(call.context, { account, container });
  return row.versioning === 'off' ? notVersioned() : error;
}

/** A version with an id of its own was named in a container that never had any. */
export function notVersioned(): StoreError {
  return new StoreError(
    'invalid-argument',
    'swift.version',
    'version-aware operations require that the container is versioned',
  );
}
