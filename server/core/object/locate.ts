import { StoreError } from '../../../base/errors.ts';
import type { Micros } from '../../../base/units.ts';
import { isExpired } from '../decide/condition.ts';
import { newestMarker } from '../decide/version-chain.ts';
import { type Id, type VersionRow, versionIdOf } from '../model.ts';
import type { Services } from '../services.ts';
import { parseVersionId } from '../version-id.ts';

export interface LocateRequest {
  readonly containerId: Id;
  readonly key: string;
  readonly versionId?: string | undefined;
  /** Whether the container was ever versioned: else no marker need be looked for. */
  readonly hasHistory: boolean;
  readonly withBody: boolean;
  /** What has expired and is still there counts as there. */
  readonly allowExpired?: boolean | undefined;
}

export interface Located {
  readonly row: VersionRow;
  /** The inline body, when there is one and it was asked for. */
  readonly inline: Uint8Array | undefined;
}

const op = 'object.open';

/** The version that is addressed. Throws `no-such-object`, `no-such-version`, `is-delete-marker` (detail `versionId`, `addressed`). */
export async function locateVersion(services: Services, at: LocateRequest): Promise<Located> {
  const found =
    at.versionId === undefined ? await current(services, at) : await addressed(services, at);
  if (found === undefined || isAbsent(found.row, at, services.clock.now())) {
    const kind = at.versionId === undefined ? 'no-such-object' : 'no-such-version';
    throw new StoreError(kind, op, 'there is no such object', { detail: { key: at.key } });
  }
  if (found.row.kind === 'delete-marker') {
    throw new StoreError('is-delete-marker', op, 'the version is a delete marker', {
      detail: {
        key: at.key,
        version: versionIdOf(found.row),
        versionId: versionIdOf(found.row),
        addressed: at.versionId !== undefined,
        modifiedAt: found.row.modifiedAt,
      },
    });
  }
  return found;
}

function isAbsent(row: VersionRow, at: LocateRequest, now: number): boolean {
  if (row.kind === 'delete-marker') return row.isGap === true;
  // A date of expiry ends the currency of a version that has a name, not the version.
  if (at.allowExpired === true || !isExpired(row, now)) return false;
  return row.isNull || at.versionId === undefined;
}

async function current(services: Services, at: LocateRequest): Promise<Located | undefined> {
  const { containerId, key } = at;
  if (at.withBody) {
    const found = await services.rows.getWithBody('current', { containerId, key });
    if (found !== undefined) return { row: found.row, inline: found.body };
  } else {
    const row = await services.rows.get('current', { containerId, key });
    if (row !== undefined) return { row, inline: undefined };
  }
  if (!at.hasHistory) return undefined;
  const marker = await services.rows.get('version', { containerId, key, version: newestMarker });
  return marker === undefined ? undefined : { row: marker, inline: undefined };
}

/** Rounds of `addressed`: each further one means that the key was written twice between two reads. */
const MAX_ROUNDS = 8;

/** Looks that must find no version of the key at all: one look is two reads, and a newest version may hop over them. */
const EMPTY_LOOKS = 4;

/**
 * A version may move between its two places while we look: a newer one pushes it down, a deletion
 * of the newer one lifts it up again. It is absent for sure when it was not found below between two
 * looks at the same newest version, because stamps never come back.
 */
async function addressed(services: Services, at: LocateRequest): Promise<Located | undefined> {
  const wanted = parseVersionId(at.versionId ?? '', op);
  let newestBefore: Micros | undefined;
  let emptyLooks = 0;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const newest = await current(services, { ...at, versionId: undefined, hasHistory: true });
    if (newest === undefined) {
      if (++emptyLooks === EMPTY_LOOKS) return undefined;
    } else {
      if (isNamed(newest.row, wanted)) return newest;
      // The newest version knows where the null version is, and whether there is one.
      if (wanted === 'null' && newest.row.nullVersion === undefined) return undefined;
      if (newestBefore === newest.row.version) return undefined;
    }
    newestBefore = newest?.row.version;
    const version = wanted === 'null' ? newest?.row.nullVersion : wanted;
    if (version === undefined || version === newestMarker) continue;
    const found = await below(services, at, version);
    // A null version is addressed by `null` only.
    if (found !== undefined) return isNamed(found.row, wanted) ? found : undefined;
  }
  throw new StoreError('unavailable', op, 'the object changes too fast to find a version of it');
}

function isNamed(row: VersionRow, wanted: Micros | 'null'): boolean {
  if (row.isGap === true) return false;
  return wanted === 'null' ? row.isNull : row.version === wanted && !row.isNull;
}

async function below(
  services: Services,
  at: LocateRequest,
  version: Micros,
): Promise<Located | undefined> {
  const { containerId, key, withBody } = at;
  if (!withBody) {
    const row = await services.rows.get('version', { containerId, key, version });
    return row === undefined ? undefined : { row, inline: undefined };
  }
  const found = await services.rows.getWithBody('version', { containerId, key, version });
  return found === undefined ? undefined : { row: found.row, inline: found.body };
}
