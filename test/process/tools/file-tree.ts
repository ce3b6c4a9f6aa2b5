/** Folders of files for tools that copy them, and whether two hold the same. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Sizes around every threshold: inline rows, one stripe, several parts. */
const sizes = [0, 1, 16_384, 16_385, 1_048_576, 1_048_577, 20_000_003];
/** Names that addresses must escape, in two forms of one letter, and with four bytes a character. */
const names = ['plain', 'sub/b c', 'sub/ü', 'sub/e\u0301', 'sub/deep/\u{1F600}', 'a+b%25&=#?'];

/** Bytes that compress badly and are the same in every run. */
export function bytesOf(seed: string, size: number): Buffer {
  const block = createHash('sha512').update(seed).digest();
  const bytes = Buffer.alloc(size, block);
  for (let at = 0; at + 4 <= size; at += 1024) bytes.writeUInt32LE(at, at);
  return bytes;
}

/**
 * Writes files of many sizes and names below `root`. They are an hour old: tools that compare times copy a
 * file again that is younger than the second in which its copy was made.
 */
export function writeTree(root: string): void {
  const anHourAgo = new Date(Date.now() - 3_600_000);
  const write = (name: string, bytes: Buffer): void => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
    utimesSync(join(root, name), anHourAgo, anHourAgo);
  };
  for (const size of sizes) write(`size-${size}`, bytesOf('tree', size));
  for (const name of names) write(name, Buffer.from(name));
}

/** Every file below `root` by its path, with the SHA-256 of its bytes. */
export function digestTree(root: string): Readonly<Record<string, string>> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const digest = (file: string): string =>
    createHash('sha256').update(readFileSync(file)).digest('hex');
  return Object.fromEntries(files.map((file) => [file.slice(root.length + 1), digest(file)]));
}
