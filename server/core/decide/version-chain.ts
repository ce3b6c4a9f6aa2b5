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
 *
 * Swift's door adds two states (decision 0027). A *gap* is a marker that stands for "no version is
 * current": it is neither counted nor shown, and goes with the next version on top of it, or with the last
 * one below. A *promoted* version is current though others have greater stamps: its `older` is the greatest of
 * these, and `place` remembers where it goes when it is current no more.
 */
import { invariant } from '../../../base/invariant.ts';
import { type Micros, micros } from '../../../base/units.ts';
import { type ChainPlace, type Id, ownBytes, type VersionRow } from '../model.ts';
import type { KeyOf, ShardView } from '../ports.ts';
import type { Commit } from './commit.ts';
import { type Newest, planKey } from './lifecycle-plan.ts';

/** The place of a delete marker that is its key's newest version. Greater than every stamp, so it sorts first among them. */
export const newestMarker: Micros = micros(9_007_199_254_740_990);

/** `current`, or the stamp that names a place in the `version` table. */
type Place = 'current' | Micros;

type InlineBody =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'of'; readonly place: Place }
  /** Of another key, that gives it up. */
  | { readonly type: 'taken'; readonly from: KeyOf<'current'> };

interface Entry {
  readonly row: VersionRow;
  /** Undefined when the body is not in the row. */
  readonly inline: InlineBody | undefined;
}

/** A version before it is linked. */
export type UnlinkedVersion = Omit<VersionRow, 'older' | 'newer' | 'nullVersion' | 'place'>;

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
  /** Since when versions that this commit makes current for a moment were not current. */
  readonly #since = new Map<Micros, Micros>();
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

  /** The current version, a delete marker or a gap included. */
  head(): VersionRow | undefined {
    return this.#head()?.row;
  }

  /** The version with this stamp, wherever it stands. */
  find(version: Micros): VersionRow | undefined {
    const head = this.head();
    if (head?.version !== version) return this.#get(version)?.row;
    return head.isGap === true ? undefined : head;
  }

  /** The null version, wherever it stands. */
  findNull(): VersionRow | undefined {
    const head = this.head();
    if (head === undefined || head.isNull) return head;
    return head.nullVersion === undefined ? undefined : this.#get(head.nullVersion)?.row;
  }

  /** Makes this the newest version; the one that was becomes noncurrent. */
  push(row: UnlinkedVersion, inline?: Uint8Array | KeyOf<'current'>): VersionRow {
    const old = this.#head()?.row;
    invariant(old === undefined || old.version < row.version, 'stamps grow');
    const nullVersion = old?.isNull === true ? old.version : old?.nullVersion;
    invariant(!row.isNull || nullVersion === undefined, 'a key has at most one null version');
    const older = this.#demote(row.version);
    const linked: VersionRow = {
      ...row,
      ...(older === undefined ? {} : { older }),
      ...(nullVersion === undefined ? {} : { nullVersion }),
    };
    this.#put(headPlace(row), { row: linked, inline: inlineOf(inline) });
    if (row.isGap === true) return linked;
    this.#versions++;
    this.#versionBytes += ownBytes(row);
    return linked;
  }

  /** Makes this noncurrent version the current one. */
  promote(row: VersionRow, time: Micros): VersionRow {
    const head = this.head();
    invariant(head !== undefined && head.version !== row.version, 'it was noncurrent');
    invariant(!row.isNull && row.kind === 'object', 'a version with a name of its own is promoted');
    const nullVersion = head.isNull ? head.version : head.nullVersion;
    const top = this.#demote(row.version, time);
    const entry = this.#get(row.version);
    invariant(top !== undefined && entry !== undefined, 'it is in the chain');
    this.#delete(row.version);
    const { newer, older } = entry.row;
    const links =
      top === row.version || newer === undefined
        ? { older, place: undefined }
        : { older: top, place: this.#unlink(newer, older) };
    const unset = { newer: undefined, noncurrentSince: undefined };
    const linked = withLinks(entry, { ...links, ...unset, nullVersion });
    this.#put('current', linked);
    return linked.row;
  }

  /** Changes a version in place; stamp, kind and body stay. */
  replace(row: VersionRow): void {
    const place = this.head()?.version === row.version ? headPlace(row) : row.version;
    const old = this.#get(place);
    invariant(old?.row.version === row.version, 'a version that is replaced exists');
    this.#put(place, { row, inline: old.inline });
  }

  /** Makes the current object longer: its body is in parts from now on. */
  lengthen(row: VersionRow): void {
    const old = this.head();
    invariant(old?.version === row.version && row.kind === 'object', 'it is the current object');
    this.#put('current', { row, inline: undefined });
    this.#versionBytes += ownBytes(row) - ownBytes(old);
  }

  /** Takes the only version of the key out, whose body goes elsewhere instead of being released. */
  giveUp(row: VersionRow): void {
    invariant(row.older === undefined && this.head()?.version === row.version, 'it stands alone');
    this.#delete(headPlace(row));
    this.#versions--;
    this.#versionBytes -= ownBytes(row);
  }

  /** Takes exactly this version out; if it was the newest, the next one takes its place. */
  remove(row: VersionRow): void {
    const head = this.#head();
    invariant(head !== undefined, 'a version that is removed belongs to a chain');
    if (head.row.version === row.version) this.#removeHead(head);
    else this.#removeOlder(head, row);
    this.#countRemoved(row);
  }

  /** Takes the current version out; no other takes its place. `time`: stamp of the gap. */
  removeLeavingGap(time: Micros): void {
    const head = this.#head();
    invariant(head !== undefined && head.row.isGap !== true, 'there is something to remove');
    const { older, isNull, nullVersion } = head.row;
    this.#delete(headPlace(head.row));
    if (older !== undefined) {
      const links = { older, ...(isNull || nullVersion === undefined ? {} : { nullVersion }) };
      this.#link(older, { newer: time });
      this.#put(newestMarker, { row: { ...gapAt(time), ...links }, inline: undefined });
    }
    this.#countRemoved(head.row);
  }

  #countRemoved(row: VersionRow): void {
    this.#removed.push(row);
    this.#versions--;
    this.#versionBytes -= ownBytes(row);
  }

  /** Makes room for a new head of this stamp: the one there is goes to its place among the others. Returns the greatest stamp of these. */
  #demote(newHead: Micros, time: Micros = newHead): Micros | undefined {
    const old = this.#head();
    if (old === undefined) return undefined;
    const { version, older, place, isNull, isGap } = old.row;
    this.#delete(headPlace(old.row));
    if (isGap === true) {
      if (older !== undefined) this.#link(older, { newer: newHead });
      return older;
    }
    // The stamp of what follows says since when it is not current, unless that is an older version, or
    // takes the place of one that this commit took out.
    const usual = time === newHead && place === undefined ? undefined : time;
    const noncurrentSince = this.#since.get(version) ?? usual;
    const unset = { nullVersion: undefined, place: undefined, noncurrentSince };
    // A date of expiry says how long a version is current; it outlives that (but a null version cannot).
    const kept: Entry = isNull
      ? old
      : { row: { ...old.row, expiresAt: undefined }, inline: old.inline };
    if (place === undefined) {
      this.#put(version, withLinks(kept, { ...unset, newer: newHead }));
      return version;
    }
    this.#put(version, withLinks(kept, { ...unset, ...place, older: place.older }));
    this.#link(place.newer, { older: version });
    if (place.older !== undefined) this.#link(place.older, { newer: version });
    if (older !== undefined) this.#link(older, { newer: newHead });
    return older;
  }

  /** Closes the chain over what stood between these two. */
  #unlink(newer: Micros, older: Micros | undefined): ChainPlace {
    this.#link(newer, { older });
    if (older !== undefined) this.#link(older, { newer });
    return { newer, older };
  }

  #link(version: Micros, links: Links): void {
    const entry = this.#get(version);
    invariant(entry !== undefined, 'a version that is linked exists');
    const since = links.newer === undefined ? {} : sinceOf(entry.row, links.newer);
    this.#put(version, withLinks(entry, { ...links, ...since }));
  }

  /** Writes what differs: rows, sums and the release of bodies that no version refers to. */
  commitTo(commit: Commit): void {
    for (const place of this.#written) this.#writePlace(commit, place);
    for (const row of this.#removed) {
      commit.releaseBody(this.#containerId, this.#key, row.body);
      const copy = row.restore?.state === 'done' ? row.restore.body : undefined;
      if (copy !== undefined) commit.releaseBody(this.#containerId, this.#key, copy);
    }
    const before = countOf(this.#headBefore);
    const after = countOf(this.head());
    commit.addUsage(this.#containerId, commit.container(this.#containerId), {
      objects: after.objects - before.objects,
      bytes: after.bytes - before.bytes,
      versions: this.#versions,
      versionBytes: this.#versionBytes,
    });
    const at = { containerId: this.#containerId, key: this.#key };
    planKey(commit, commit.container(this.#containerId), at, () => this.#newest());
  }

  #newest(): Newest {
    const head = this.head();
    const second = head?.older === undefined ? undefined : this.#get(head.older)?.row;
    return { head, second };
  }

  #removeHead(head: Entry): void {
    this.#delete(headPlace(head.row));
    const { older, nullVersion } = head.row;
    if (older === undefined) return;
    const next = this.#get(older);
    invariant(next !== undefined, 'the next older version exists');
    this.#delete(older);
    const pointer = nullVersion === older ? undefined : nullVersion;
    const since = next.row.noncurrentSince ?? next.row.newer;
    if (since !== undefined) this.#since.set(older, since);
    const unset = { newer: undefined, noncurrentSince: undefined };
    const promoted = withLinks(next, { ...unset, nullVersion: pointer });
    this.#put(headPlace(next.row), promoted);
  }

  #removeOlder(head: Entry, row: VersionRow): void {
    const { older, newer, version } = row;
    invariant(newer !== undefined, 'a noncurrent version knows its newer one');
    this.#delete(version);
    if (older !== undefined) this.#link(older, { newer });
    const nullVersion = row.isNull ? undefined : head.row.nullVersion;
    const isTop = newer === head.row.version;
    if (!isTop) this.#link(newer, { older });
    if (isTop && older === undefined && head.row.isGap === true) {
      this.#delete(newestMarker);
      return;
    }
    const place = placeWithout(head.row, row);
    if (!isTop && !row.isNull && place === head.row.place) return;
    const links = { older: isTop ? older : head.row.older, nullVersion, place };
    this.#put(headPlace(head.row), withLinks(head, links));
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
    if (entry.inline.type === 'taken') {
      return { bodyOf: { table: 'current', key: entry.inline.from } };
    }
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

function inlineOf(inline: Uint8Array | KeyOf<'current'> | undefined): InlineBody | undefined {
  if (inline === undefined) return undefined;
  return inline instanceof Uint8Array
    ? { type: 'bytes', bytes: inline }
    : { type: 'taken', from: inline };
}

/** A version that gets another successor has been noncurrent for as long as before. */
function sinceOf(row: VersionRow, newer: Micros): Links {
  if (row.newer === undefined || row.newer === newer) return {};
  return { noncurrentSince: row.noncurrentSince ?? row.newer };
}

function headPlace(row: Pick<VersionRow, 'kind'>): Place {
  return row.kind === 'object' ? 'current' : newestMarker;
}

/** Where the current version belongs once `removed` is gone. */
function placeWithout(head: VersionRow, removed: VersionRow): ChainPlace | undefined {
  const { place } = head;
  if (place === undefined) return undefined;
  if (place.older === removed.version) return { newer: place.newer, older: removed.older };
  if (place.newer !== removed.version) return place;
  // What was newer than the removed one; when nothing was, the current version is the newest again.
  const { newer } = removed;
  return newer === undefined || newer === head.version ? undefined : { ...place, newer };
}

/** See `VersionRow.isGap`. */
export function gapAt(time: Micros): UnlinkedVersion {
  return { ...markerAt(time), isNull: false, isGap: true };
}

/** A delete marker that is not null. */
export function markerAt(time: Micros): UnlinkedVersion {
  return {
    kind: 'delete-marker',
    version: time,
    isNull: false,
    modifiedAt: time,
    size: 0,
    etag: '',
    contentType: '',
    system: {},
    user: {},
    checksums: [],
    body: { type: 'empty' },
  };
}

type Links = Partial<
  Pick<VersionRow, 'older' | 'newer' | 'nullVersion' | 'place' | 'noncurrentSince'>
>;

/** The entry with these links changed; a link that is set to undefined goes. */
function withLinks(entry: Entry, links: Links): Entry {
  return { row: { ...entry.row, ...links }, inline: entry.inline };
}

function countOf(head: VersionRow | undefined): { objects: number; bytes: number } {
  return head?.kind === 'object' ? { objects: 1, bytes: ownBytes(head) } : { objects: 0, bytes: 0 };
}
