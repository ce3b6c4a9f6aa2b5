/** What every Disk promises, run on the real file system and on the simulated one. */
import { expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { createDurably, type Disk, type DiskFile } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import { notePageAligned } from '../../base/memory/page-memory.ts';

const bytesOf = (...values: number[]): Uint8Array => Uint8Array.from(values);

async function readWhole(file: DiskFile): Promise<Uint8Array> {
  const into = new Uint8Array(await file.size());
  expect(await file.read(0, into)).toBe(into.length);
  return into;
}

async function readAll(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  const bytes = await disk.readAll(path);
  return bytes === undefined ? undefined : Uint8Array.from(bytes);
}

/** `makeDisk` returns an empty disk; each test calls it once. */
export function diskContract(makeDisk: () => Promise<Disk>): void {
  it('has nothing at first', async () => {
    const disk = await makeDisk();
    expect(await disk.list('')).toEqual([]);
    expect(await disk.list('absent')).toEqual([]);
    expect(await disk.open('absent')).toBeUndefined();
    expect(await disk.open('absent/file')).toBeUndefined();
    expect(await disk.readAll('absent')).toBeUndefined();
    await disk.remove('absent');
  });

  it('creates a file once', async () => {
    const disk = await makeDisk();
    const file = await disk.create('a');
    expect(await file.size()).toBe(0);
    await expect(disk.create('a')).rejects.toMatchObject({ kind: 'conflict' });
    await expect(disk.create('no-folder/a')).rejects.toMatchObject({ kind: 'internal' });
    await file.close();
    expect(await readAll(disk, 'a')).toEqual(new Uint8Array(0));
  });

  it('makes nested folders, again without harm, and lists them sorted', async () => {
    const disk = await makeDisk();
    await disk.makeDirectory('x/y');
    await disk.makeDirectory('x/y');
    await disk.makeDirectory('');
    for (const name of ['b', 'a', 'B', 'a-1']) await (await disk.create(`x/${name}`)).close();
    expect(await disk.list('')).toEqual(['x']);
    expect(await disk.list('x')).toEqual(['B', 'a', 'a-1', 'b', 'y']);
    await disk.syncDirectory('x/y');
    await disk.syncDirectory('x');
    await disk.syncDirectory('');
  });

  it('writes pieces one after the other, anywhere, and reads what there is', async () => {
    const disk = await makeDisk();
    const file = await disk.create('f');
    await file.write(0, [bytesOf(1, 2), bytesOf(), bytesOf(3)]);
    await file.write(5, [bytesOf(6)]);
    await file.write(1, [bytesOf(9)]);
    await file.write(2, []);
    await file.sync();
    expect(await readWhole(file)).toEqual(bytesOf(1, 9, 3, 0, 0, 6));
    const into = new Uint8Array(4).fill(7);
    expect(await file.read(4, into)).toBe(2);
    expect(into).toEqual(bytesOf(0, 6, 7, 7));
    expect(await file.read(6, into)).toBe(0);
    expect(await file.read(100, into)).toBe(0);
    expect(file.readSync(4, into)).toBe(2);
    expect(file.readSync(100, into)).toBe(0);
    await file.close();
  });

  it('writes more pieces than one system call takes', async () => {
    const disk = await makeDisk();
    const file = await disk.create('f');
    const pieces = Array.from({ length: 3000 }, (_, i) => bytesOf(i & 255, 1));
    await file.write(3, pieces);
    expect(Buffer.compare((await readWhole(file)).subarray(3), Buffer.concat(pieces))).toBe(0);
    await file.close();
  });

  it('mixes large writes from page-aligned memory with any others', async () => {
    const disk = await makeDisk();
    const file = await disk.create('mixed');
    const memory = new WebAssembly.Memory({ initial: 4, maximum: 4 });
    notePageAligned(memory);
    const unit = new Uint8Array(memory.buffer, 8192, 131_072);
    for (let i = 0; i < unit.length; i++) unit[i] = (i * 7 + (i >> 9)) & 255;
    const header = new Uint8Array(4096).fill(1);
    const odd = new Uint8Array(5000).fill(2);
    await file.write(0, [odd]);
    await file.write(8192, [header, unit]);
    // Off the page, of no whole pages, and over what went directly before.
    await file.write(8192 + 4096 + unit.length, [odd, unit.subarray(1)]);
    await file.write(8192 + 4096 + 65_536, [odd]);
    await file.write(12_288, [unit.subarray(0, 65_536)]);
    await file.sync();
    const expected = new Uint8Array(8192 + 4096 + unit.length + 5000 + unit.length - 1);
    expected.set(odd, 0);
    expected.set(header, 8192);
    expected.set(unit, 12_288);
    expected.set(odd, 12_288 + 65_536);
    expected.set(odd, 12_288 + unit.length);
    expected.set(unit.subarray(1), 12_288 + unit.length + 5000);
    expect(Buffer.compare(await readWhole(file), expected)).toBe(0);
    await file.close();
    await expect(file.write(0, [unit])).rejects.toBeInstanceOf(StoreError);
    expect(Buffer.compare((await disk.readAll('mixed')) ?? header, expected)).toBe(0);
  });

  it('truncates and extends', async () => {
    const disk = await makeDisk();
    const file = await disk.create('f');
    await file.write(0, [bytesOf(1, 2, 3)]);
    await file.truncate(1);
    await file.truncate(3);
    expect(await readWhole(file)).toEqual(bytesOf(1, 0, 0));
    await file.close();
    expect(await readAll(disk, 'f')).toEqual(bytesOf(1, 0, 0));
  });

  it('shows one file through two handles, also after it lost its name', async () => {
    const disk = await makeDisk();
    const first = await disk.create('f');
    const second = await disk.open('f');
    await first.write(0, [utf8('seen')]);
    await disk.remove('f');
    expect(await disk.open('f')).toBeUndefined();
    expect(second && (await readWhole(second))).toEqual(utf8('seen'));
    await first.close();
    await second?.close();
    await (await disk.create('f')).close();
    expect(await readAll(disk, 'f')).toEqual(new Uint8Array(0));
  });

  it('refuses a closed file', async () => {
    const disk = await makeDisk();
    const file = await disk.create('f');
    await file.close();
    await expect(file.write(0, [bytesOf(1)])).rejects.toMatchObject({ kind: 'internal' });
    await expect(file.sync()).rejects.toMatchObject({ kind: 'internal' });
  });

  it('renames over an existing file', async () => {
    const disk = await makeDisk();
    await createDurably(disk, 'a', utf8('old'));
    await createDurably(disk, 'b', utf8('new'));
    await disk.rename('b', 'a');
    expect(await disk.list('')).toEqual(['a']);
    expect(await readAll(disk, 'a')).toEqual(utf8('new'));
    await expect(disk.rename('b', 'a')).rejects.toMatchObject({ kind: 'internal' });
  });

  it('replaces durably, whatever an earlier crash left behind', async () => {
    const disk = await makeDisk();
    await disk.makeDirectory('d');
    await (await disk.create('d/a.tmp')).close();
    await createDurably(disk, 'd/a', utf8('1'));
    await createDurably(disk, 'd/a', utf8('2'));
    expect(await disk.list('d')).toEqual(['a']);
    expect(await readAll(disk, 'd/a')).toEqual(utf8('2'));
  });

  it('knows its space', async () => {
    const disk = await makeDisk();
    const { freeBytes, totalBytes } = await disk.space();
    expect(freeBytes).toBeGreaterThan(0);
    expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
  });
}
