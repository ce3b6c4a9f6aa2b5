/**
 * What lies under the simulated disk: the files and folders of one device, each as the running
 * process sees it and as a power cut would leave it. Synchronous, so that a recorded trace can be
 * replayed step by step; `disk.ts` adds time and faults.
 *
 * The model, on purpose no kinder than POSIX:
 * - a file's content and size are durable after `sync` of that file;
 * - a name (created, renamed, removed, also of a folder) is durable after `syncDirectory` of the
 *   folder it stands in; a rename is one operation, both of its halves or none;
 * - whatever is not durable survives a power cut in any combination, a write also in parts of
 *   512-byte sectors, and the growth of a file also without its bytes (zeros).
 */
import { StoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';

export const sectorBytes = 512;

/** One operation that changes the medium. `file` is the inode number, stable under replay. */
export type Change =
  | { readonly type: 'create'; readonly path: string }
  | { readonly type: 'makeDirectory'; readonly path: string }
  | { readonly type: 'rename'; readonly from: string; readonly to: string }
  | { readonly type: 'remove'; readonly path: string }
  | { readonly type: 'syncDirectory'; readonly path: string }
  | {
      readonly type: 'write';
      readonly path: string;
      readonly file: number;
      readonly position: number;
      readonly bytes: Uint8Array;
    }
  | {
      readonly type: 'truncate';
      readonly path: string;
      readonly file: number;
      readonly size: number;
    }
  | { readonly type: 'sync'; readonly path: string; readonly file: number };

/** What a power cut does to one operation that was not synced. */
export type Fate =
  | 'kept'
  | 'lost'
  /** A write that grew the file, and whose bytes did not arrive: zeros. Other operations: lost. */
  | 'size-only'
  /** A write of which only these sectors arrived (place in the write, counted from 0). Other operations: kept. */
  | { readonly sectors: (place: number) => boolean };

type FileChange =
  | { readonly type: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly type: 'truncate'; readonly size: number };

/** An operation that a power cut may undo. */
export type Pending =
  | { readonly on: 'file'; readonly file: number; readonly change: FileChange }
  | { readonly on: 'names'; readonly entries: readonly NameChange[] };

interface NameChange {
  readonly folder: number;
  readonly name: string;
  /** The inode that the name means from now on; undefined: no such name any more. */
  readonly node: number | undefined;
}

class Content {
  #bytes: Uint8Array;
  size: number;

  constructor(bytes: Uint8Array = new Uint8Array(0), size: number = bytes.length) {
    this.#bytes = bytes;
    this.size = size;
  }

  read(position: number, into: Uint8Array): number {
    const end = Math.min(this.size, position + into.length);
    if (end <= position) return 0;
    into.set(this.#bytes.subarray(position, end));
    return end - position;
  }

  write(position: number, bytes: Uint8Array): void {
    if (position + bytes.length > this.size) this.resize(position + bytes.length);
    this.#bytes.set(bytes, position);
  }

  resize(size: number): void {
    if (size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(size, 2 * this.#bytes.length, 4096));
      grown.set(this.#bytes.subarray(0, this.size));
      this.#bytes = grown;
    }
    if (size < this.size) this.#bytes.fill(0, size, this.size);
    this.size = size;
  }

  flip(position: number, bit: number): void {
    const byte = this.#bytes[position];
    if (position < this.size && byte !== undefined) this.#bytes[position] = byte ^ (1 << bit);
  }

  apply(change: FileChange): void {
    if (change.type === 'write') this.write(change.position, change.bytes);
    else this.resize(change.size);
  }

  copy(): Content {
    return new Content(this.#bytes.slice(0, this.size));
  }
}

class FileNode {
  readonly kind = 'file';
  readonly number: number;
  current: Content;
  durable: Content;
  pending: FileChange[] = [];
  /** How many operations the file has ever had; the last `pending.length` of them are not synced. */
  count = 0;

  constructor(number: number, current = new Content(), durable = new Content()) {
    this.number = number;
    this.current = current;
    this.durable = durable;
  }

  copy(): FileNode {
    const copy = new FileNode(this.number, this.current.copy(), this.durable.copy());
    copy.pending = [...this.pending];
    copy.count = this.count;
    return copy;
  }

  syncUpTo(count: number): void {
    const synced = this.count - this.pending.length;
    for (const change of this.pending.splice(0, Math.max(0, count - synced))) {
      this.durable.apply(change);
    }
  }

  /** The power cut: what arrived of the pending operations is now all there is. */
  settle(fateOf: (pending: Pending) => Fate): void {
    for (const change of this.pending) {
      const fate = fateOf({ on: 'file', file: this.number, change });
      if (fate === 'lost') continue;
      if (fate === 'kept' || (change.type === 'truncate' && fate !== 'size-only')) {
        this.durable.apply(change);
      } else if (change.type === 'write') {
        this.#settleTorn(change, fate);
      }
    }
    this.pending = [];
    this.current = this.durable.copy();
  }

  #settleTorn(change: FileChange & { type: 'write' }, fate: Exclude<Fate, 'kept' | 'lost'>): void {
    const end = change.position + change.bytes.length;
    if (fate === 'size-only') {
      this.durable.resize(Math.max(this.durable.size, end));
      return;
    }
    let place = 0;
    for (let from = change.position; from < end; place++) {
      const to = Math.min(end, from - (from % sectorBytes) + sectorBytes);
      if (fate.sectors(place)) {
        this.durable.write(
          from,
          change.bytes.subarray(from - change.position, to - change.position),
        );
      }
      from = to;
    }
  }
}

class FolderNode {
  readonly kind = 'folder';
  readonly number: number;
  current = new Map<string, number>();
  durable = new Map<string, number>();

  constructor(number: number) {
    this.number = number;
  }

  copy(): FolderNode {
    const copy = new FolderNode(this.number);
    copy.current = new Map(this.current);
    copy.durable = new Map(this.durable);
    return copy;
  }
}

function set(entries: Map<string, number>, name: string, node: number | undefined): void {
  if (node === undefined) entries.delete(name);
  else entries.set(name, node);
}

const failed = (op: string, why: string): StoreError =>
  new StoreError('internal', `disk.${op}`, `${op} failed: ${why}`);

export class Medium {
  #nodes = new Map<number, FileNode | FolderNode>([[0, new FolderNode(0)]]);
  #names: (Pending & { on: 'names' })[] = [];
  #nextNumber = 1;

  clone(): Medium {
    const copy = new Medium();
    copy.#nodes = new Map([...this.#nodes].map(([number, node]) => [number, node.copy()]));
    copy.#names = [...this.#names];
    copy.#nextNumber = this.#nextNumber;
    return copy;
  }

  /** Does one operation, as the running process sees it. Throws StoreError, and then changed nothing. */
  apply(change: Change): void {
    switch (change.type) {
      case 'create':
        return this.#create(change.path, (number) => new FileNode(number));
      case 'makeDirectory':
        return this.#makeDirectory(change.path);
      case 'rename':
        return this.#rename(change.from, change.to);
      case 'remove':
        return this.#remove(change.path);
      case 'syncDirectory':
        return this.#syncDirectory(change.path);
      case 'sync':
        return this.syncUpTo(change.file, Number.POSITIVE_INFINITY);
      case 'write':
      case 'truncate': {
        const node = this.#file(change.file);
        node.pending.push(change);
        node.count++;
        node.current.apply(change);
        return;
      }
    }
  }

  /** Makes the first `count` operations that the file ever had durable: those of before a sync began. */
  syncUpTo(file: number, count: number): void {
    this.#file(file).syncUpTo(count);
  }

  /** A failed sync, as Linux does it: the pages count as clean, are lost with the power, and the next sync knows nothing of them. */
  forgetPending(file: number): void {
    this.#file(file).pending = [];
  }

  /** How many operations the file has ever had, for `syncUpTo`. */
  countOf(file: number): number {
    return this.#file(file).count;
  }

  /** Inode number of a file by the running process's names; undefined when there is none. */
  lookup(path: string): number | undefined {
    const node = this.#resolve(path);
    return node?.kind === 'file' ? node.number : undefined;
  }

  list(path: string): readonly string[] {
    const node = this.#resolve(path);
    return node?.kind === 'folder' ? [...node.current.keys()].sort() : [];
  }

  read(file: number, position: number, into: Uint8Array): number {
    return this.#file(file).current.read(position, into);
  }

  size(file: number): number {
    return this.#file(file).current.size;
  }

  /** Bytes of all files that the running process can reach: by a name, or because they are `open`. */
  usedBytes(open: ReadonlySet<number>): number {
    const reachable = new Set<number>([0, ...open]);
    let sum = 0;
    for (const number of reachable) {
      const node = this.#nodes.get(number);
      if (node?.kind === 'file') sum += node.current.size;
      else for (const child of node?.current.values() ?? []) reachable.add(child);
    }
    return sum;
  }

  /** Flips one bit wherever the byte lies: in the cache, on the medium, and on its way there. */
  flip(file: number, position: number, bit: number): void {
    const node = this.#file(file);
    invariant(position < node.current.size, 'only a byte of the file can be flipped');
    node.current.flip(position, bit);
    node.durable.flip(position, bit);
    node.pending = node.pending.map((change) => {
      if (change.type !== 'write') return change;
      const content = new Content(change.bytes.slice());
      content.flip(position - change.position, bit);
      const bytes = new Uint8Array(change.bytes.length);
      content.read(0, bytes);
      return { ...change, bytes };
    });
  }

  pending(): readonly Pending[] {
    const all: Pending[] = [...this.#names];
    for (const node of this.#nodes.values()) {
      if (node.kind === 'file') {
        for (const change of node.pending) all.push({ on: 'file', file: node.number, change });
      }
    }
    return all;
  }

  /** The power cut. `fateOf` is asked once for every pending operation, in the order of `pending()`. */
  settle(fateOf: (pending: Pending) => Fate): void {
    for (const pending of this.#names) {
      const fate = fateOf(pending);
      if (fate === 'lost' || fate === 'size-only') continue;
      this.#applyNames(pending, 'durable');
    }
    this.#names = [];
    for (const node of this.#nodes.values()) {
      if (node.kind === 'file') node.settle(fateOf);
      else node.current = new Map(node.durable);
    }
    this.collect(new Set());
  }

  /** Forgets files without any name; `open` ones stay. */
  collect(open: ReadonlySet<number>): void {
    const reachable = new Set<number>([0, ...open]);
    for (const pending of this.#names) {
      for (const { node } of pending.entries) if (node !== undefined) reachable.add(node);
    }
    // A folder's children have higher numbers than it, except after a rename: repeat until stable.
    for (let before = -1; before !== reachable.size; ) {
      before = reachable.size;
      for (const number of reachable) {
        const node = this.#nodes.get(number);
        if (node?.kind !== 'folder') continue;
        for (const child of node.current.values()) reachable.add(child);
        for (const child of node.durable.values()) reachable.add(child);
      }
    }
    for (const number of this.#nodes.keys()) if (!reachable.has(number)) this.#nodes.delete(number);
  }

  /** All that a power cut would leave if nothing pending arrived, in one text: equal texts, equal states. */
  describe(digest: (bytes: Uint8Array) => string): string {
    const lines: string[] = [];
    const walk = (folder: FolderNode, path: string): void => {
      for (const name of [...folder.durable.keys()].sort()) {
        const node = this.#nodes.get(folder.durable.get(name) ?? -1);
        if (node?.kind === 'folder') {
          lines.push(`${path}${name}/`);
          walk(node, `${path}${name}/`);
        } else if (node !== undefined) {
          const bytes = new Uint8Array(node.durable.size);
          node.durable.read(0, bytes);
          lines.push(`${path}${name} ${bytes.length} ${digest(bytes)}`);
        }
      }
    };
    walk(this.#folder(''), '');
    return lines.join('\n');
  }

  #file(number: number): FileNode {
    const node = this.#nodes.get(number);
    invariant(node?.kind === 'file', 'a file is used while it is open or has a name');
    return node;
  }

  #folder(path: string): FolderNode {
    const node = this.#resolve(path);
    if (node?.kind !== 'folder') throw failed('path', `no such folder: ${path}`);
    return node;
  }

  #resolve(path: string): FileNode | FolderNode | undefined {
    let node: FileNode | FolderNode | undefined = this.#nodes.get(0);
    for (const name of path === '' ? [] : path.split('/')) {
      if (node?.kind !== 'folder') return undefined;
      const child = node.current.get(name);
      node = child === undefined ? undefined : this.#nodes.get(child);
    }
    return node;
  }

  #split(path: string): { folder: FolderNode; name: string } {
    const slash = path.lastIndexOf('/');
    const folder = this.#folder(slash < 0 ? '' : path.slice(0, slash));
    return { folder, name: path.slice(slash + 1) };
  }

  #create(path: string, make: (number: number) => FileNode | FolderNode): void {
    const { folder, name } = this.#split(path);
    if (folder.current.has(name)) {
      throw new StoreError('conflict', 'disk.create', `the file exists: ${path}`);
    }
    const node = make(this.#nextNumber++);
    this.#nodes.set(node.number, node);
    this.#changeNames([{ folder: folder.number, name, node: node.number }]);
  }

  #makeDirectory(path: string): void {
    const names = path === '' ? [] : path.split('/');
    for (let depth = 1; depth <= names.length; depth++) {
      const part = names.slice(0, depth).join('/');
      const node = this.#resolve(part);
      if (node?.kind === 'file') throw failed('makeDirectory', `a file is in the way: ${part}`);
      if (node === undefined) this.#create(part, (number) => new FolderNode(number));
    }
  }

  #rename(from: string, to: string): void {
    const source = this.#split(from);
    const target = this.#split(to);
    const node = source.folder.current.get(source.name);
    if (node === undefined) throw failed('rename', `no such file: ${from}`);
    if (source.folder === target.folder && source.name === target.name) return;
    this.#changeNames([
      { folder: source.folder.number, name: source.name, node: undefined },
      { folder: target.folder.number, name: target.name, node },
    ]);
  }

  #remove(path: string): void {
    const node = this.#resolve(path);
    if (node === undefined) return;
    if (node.kind === 'folder') throw failed('remove', `a folder: ${path}`);
    const { folder, name } = this.#split(path);
    this.#changeNames([{ folder: folder.number, name, node: undefined }]);
  }

  #changeNames(entries: readonly NameChange[]): void {
    const pending = { on: 'names', entries } as const;
    this.#names.push(pending);
    this.#applyNames(pending, 'current');
  }

  #applyNames(pending: Pending & { on: 'names' }, where: 'current' | 'durable'): void {
    for (const { folder, name, node } of pending.entries) {
      const holder = this.#nodes.get(folder);
      if (holder?.kind === 'folder') set(holder[where], name, node);
    }
  }

  #syncDirectory(path: string): void {
    const folder = this.#folder(path).number;
    const touches = (pending: Pending & { on: 'names' }): boolean =>
      pending.entries.some((entry) => entry.folder === folder);
    for (const pending of this.#names) if (touches(pending)) this.#applyNames(pending, 'durable');
    this.#names = this.#names.filter((pending) => !touches(pending));
  }
}
