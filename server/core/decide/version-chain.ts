/**
 * The versions of one key, linked by their stamps (decision 0005).
 *
 * Places: an object that is the newest version stands in `current`; a delete marker that is the
 * newest stands in `version` under `newestMarker`; every other version stands in `version` under its
 * own stamp. So a listing of `current` meets no markers, however many there are.
 *
 * Links, which let every operation do with a few gets, however long the history:
 * - `older` of each version is the stamp of the next older one;
 * - `newer` of each noncurrent version is the stamp of the next newer one, the newest included;
 * - `nullVersion` of the newest version is the stamp of the null version, if that is noncurrent.
 * There is at most one null version.
 */
import { invariant } from '../../../base/invariant.ts';
import { type Micros, micros } from '../../../base/units.ts';
import type { Id, VersionRow } from '../model.ts';
import type { KeyOf, ShardView } from '../ports.ts';
import type { Commit } from './commit.ts';

/** The place of a delete marker that is its key's newest version. Greater than every stamp, so it sorts first among them. */
export const newestMarker: Micros = micros(9_007_199_254_740_990);

/** `current`, or the stamp that names a place in the `version` table. */
type Place = 'current' | Micros;

type InlineBody =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'of'; readonly place: Place };

interface Entry {
  readonly row: VersionRow;
  /** Undefined when the body is not in the row. */
  readonly inline: InlineBody | undefined;
}

/** A version before it is linked. */
export type UnlinkedVersion = Omit<VersionRow, 'older' | 'newer' | 'nullVersion'>;

export class VersionChain {
  readonly #view: ShardView;
  readonly #containerId: Id;
  readonly #key: string;
  readonly #hasHistory: boolean;
  /** What was read or written so far; undefined: nothing is there. */
  readonly #entries = new Map<Place, Entry | undefined>();
  readonly #written = new Set<Place>();
  readonly #headBefore: VersionRow | undefined;
  readonly #removed: VersionRow[] = [];
  #versions = 0;
  #versionBytes = 0;

  /** `hasHistory` false: the container was never versioned, so no marker need be looked for. */
  constructor(view: ShardView, at: { containerId: Id; key: string }, hasHistory: boolean) {
    this.#view = view;
    this.#containerId = at.containerId;
    this.#key = at.key;
    this.#hasHistory = hasHistory;
    this.#headBefore = this.head();
  }

  /** The newest version, a delete marker included. */
  head(): VersionRow | undefined {
    return this.#head()?.row;
  }

  /** The version with this stamp, wherever it stands. */
  find(version: Micros): VersionRow | undefined {
    const head = this.head();
    return head?.version === version ? head : this.#get(version)?.row;
  }

  /** The null version, wherever it stands. */
  findNull(): VersionRow | undefined {
    const head = this.head();
    if (head === undefined || head.isNull) return head;
    return head.nullVersion === undefined ? undefined : this.#get(head.nullVersion)?.row;
  }

  /** Makes this the newest version; the one that was becomes noncurrent. */
  push(row: UnlinkedVersion, inline?: Uint8Array): VersionRow {
    const old = this.#head();
    const nullVersion = old?.row.isNull === true ? old.row.version : old?.row.nullVersion;
    invariant(!row.isNull || nullVersion === undefined, 'a key has at most one null version');
    if (old !== undefined) {
      invariant(old.row.version < row.version, 'stamps grow');
      this.#delete(headPlace(old.row));
      this.#put(old.row.version, withLinks(old, { newer: row.version, nullVersion: undefined }));
    }
    const linked: VersionRow = {
      ...row,
      ...(old === undefined ? {} : { older: old.row.version }),
      ...(nullVersion === undefined ? {} : { nullVersion }),
    };
    const body: InlineBody | undefined =
      inline === undefined ? undefined : { type: 'bytes', bytes: inline };
    this.#put(headPlace(row), { row: linked, inline: body });
    this.#versions++;
    this.#versionBytes += row.size;
    return linked;
  }

  /** Changes a version in place; stamp, kind and body stay. */
  replace(row: VersionRow): void {
    const place = this.head()?.version === row.version ? headPlace(row) : row.version;
    const old = this.#get(place);
    invariant(old?.row.version === row.version, 'a version that is replaced exists');
    this.#put(place, { row, inline: old.inline });
  }

  /** Takes exactly this version out; if it was the newest, the next one takes its place. */
  remove(row: VersionRow): void {
    const head = this.#head();
    invariant(head !== undefined, 'a version that is removed belongs to a chain');
    if (head.row.version === row.version) this.#removeHead(head);
    else this.#removeOlder(head, row);
    this.#removed.push(row);
    this.#versions--;
    this.#versionBytes -= row.size;
  }

  /** Writes what differs: rows, sums and the release of bodies that no version refers to. */
  commitTo(commit: Commit): void {
    for (const place of this.#written) this.#writePlace(commit, place);
    for (const row of this.#removed) {
      commit.releaseBody(this.#containerId, this.#key, row.body);
    }
    const before = countOf(this.#headBefore);
    const after = countOf(this.head());
    commit.addUsage(this.#containerId, commit.container(this.#containerId), {
      objects: after.objects - before.objects,
      bytes: after.bytes - before.bytes,
      versions: this.#versions,
      versionBytes: this.#versionBytes,
    });
  }

  #removeHead(head: Entry): void {
    this.#delete(headPlace(head.row));
    const { older, nullVersion } = head.row;
    if (older === undefined) return;
    const next = this.#get(older);
    invariant(next !== undefined, 'the next older version exists');
    this.#delete(older);
    const pointer = nullVersion === older ? undefined : nullVersion;
    const promoted = withLinks(next, { newer: undefined, nullVersion: pointer });
    this.#put(headPlace(next.row), promoted);
  }

  #removeOlder(head: Entry, row: VersionRow): void {
    const { older, newer, version } = row;
    invariant(newer !== undefined, 'a noncurrent version knows its newer one');
    this.#delete(version);
    if (older !== undefined) {
      const next = this.#get(older);
      invariant(next !== undefined, 'the next older version exists');
      this.#put(older, withLinks(next, { newer }));
    }
    const nullVersion = row.isNull ? undefined : head.row.nullVersion;
    if (newer === head.row.version) {
      this.#put(headPlace(head.row), withLinks(head, { older, nullVersion }));
      return;
    }
    const previous = this.#get(newer);
    invariant(previous !== undefined, 'the next newer version exists');
    this.#put(newer, withLinks(previous, { older }));
    if (row.isNull) this.#put(headPlace(head.row), withLinks(head, { nullVersion }));
  }

  #head(): Entry | undefined {
    return this.#get('current') ?? (this.#hasHistory ? this.#get(newestMarker) : undefined);
  }

  #get(place: Place): Entry | undefined {
    if (this.#entries.has(place)) return this.#entries.get(place);
    const { key, containerId } = { key: this.#key, containerId: this.#containerId };
    const row =
      place === 'current'
        ? this.#view.get('current', { containerId, key })
        : this.#view.get('version', { containerId, key, version: place });
    const inline: InlineBody | undefined =
      row?.body.type === 'inline' ? { type: 'of', place } : undefined;
    const entry = row === undefined ? undefined : { row, inline };
    this.#entries.set(place, entry);
    return entry;
  }

  #put(place: Place, entry: Entry): void {
    this.#entries.set(place, entry);
    this.#written.add(place);
  }

  #delete(place: Place): void {
    this.#entries.set(place, undefined);
    this.#written.add(place);
  }

  #writePlace(commit: Commit, place: Place): void {
    const entry = this.#entries.get(place);
    const at = { containerId: this.#containerId, key: this.#key };
    const body = this.#bodyOf(entry);
    if (place === 'current') {
      if (entry === undefined) commit.change({ type: 'delete', table: 'current', key: at });
      else commit.change({ type: 'put', table: 'current', key: at, row: entry.row, ...body });
      return;
    }
    const key = { ...at, version: place };
    if (entry === undefined) commit.change({ type: 'delete', table: 'version', key });
    else commit.change({ type: 'put', table: 'version', key, row: entry.row, ...body });
  }

  #bodyOf(entry: Entry | undefined): InlineChange {
    if (entry?.inline === undefined) return {};
    if (entry.inline.type === 'bytes') return { body: entry.inline.bytes };
    const { place } = entry.inline;
    const at = { containerId: this.#containerId, key: this.#key };
    return place === 'current'
      ? { bodyOf: { table: 'current', key: at } }
      : { bodyOf: { table: 'version', key: { ...at, version: place } } };
  }
}

interface InlineChange {
  readonly body?: Uint8Array;
  readonly bodyOf?:
    | { readonly table: 'current'; readonly key: KeyOf<'current'> }
    | { readonly table: 'version'; readonly key: KeyOf<'version'> };
}

function headPlace(row: Pick<VersionRow, 'kind'>): Place {
  return row.kind === 'object' ? 'current' : newestMarker;
}

type Links = Partial<Pick<VersionRow, 'older' | 'newer' | 'nullVersion'>>;

/** The entry with these links changed; a link that is set to undefined goes. */
function withLinks(entry: Entry, links: Links): Entry {
  return { row: { ...entry.row, ...links }, inline: entry.inline };
}

function countOf(head: VersionRow | undefined): { objects: number; bytes: number } {
  return head?.kind === 'object' ? { objects: 1, bytes: head.size } : { objects: 0, bytes: 0 };
}
