/** docs/format/encryption.md: these bytes are these keys and bodies, for ever. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { utf8 } from '../../../base/bytes.ts';
import type { Random } from '../../../base/random.ts';
import {
  framePlainBytes,
  openBody,
  sealBody,
} from '../../../server/core/encryption/sealed-body.ts';
import {
  bodyKeyOf,
  hiddenEtag,
  keyOf,
  unwrapKey,
  wrapKey,
} from '../../../server/core/encryption/wrapped-key.ts';
import { collect } from '../../unit/core/fixture.ts';

function counted(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (from + at) & 0xff);
}

function readGolden(name: string): Buffer {
  const text = readFileSync(new URL(name, import.meta.url), 'utf8');
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

const master = keyOf(counted(32, 0x10));
const objectSecret = counted(32, 0x50);
const objectKey = keyOf(objectSecret);
const salt = counted(32, 0x90);
const binding = utf8('torc object key\u0000000102030405060708090a0b0c0d0e0f');

test('a wrapped key', () => {
  const random: Random = { bytes: () => salt, fraction: () => 0 };
  const golden = readGolden('wrapped-key-1.hex');
  expect(Buffer.from(wrapKey(master, objectSecret, { binding, random }))).toEqual(golden);
  expect(unwrapKey(master, golden, binding)).toEqual(Buffer.from(objectSecret));
});

test('a small body', async () => {
  const golden = readGolden('body-1.hex');
  const bodyKey = bodyKeyOf(objectKey, salt);
  const plain = utf8('Torc keeps this.');
  const read = (from: number, to: number): Uint8Array[] => [golden.subarray(from, to)];
  const opened = openBody(bodyKey, { plainSize: 16, start: 0, end: 16, read });
  expect(await collect(opened)).toEqual(Buffer.from(plain));
  expect(await collect(sealBody(bodyKey, [plain]))).toEqual(golden);
});

test('a body of three frames, by its digest', async () => {
  const plain = counted(2 * framePlainBytes + 5);
  const sealed = await collect(sealBody(bodyKeyOf(objectKey, salt), [plain]));
  const digest = createHash('sha256').update(sealed).digest('hex');
  expect(digest).toBe(readGolden('body-frames-1.sha256').toString('hex'));
});

test('an ETag that hides the MD5', () => {
  expect(hiddenEtag(objectKey, '00112233445566778899aabbccddeeff')).toBe(
    readGolden('etag-1.hex').toString('hex'),
  );
});
