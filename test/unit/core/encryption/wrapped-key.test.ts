import { expect, test } from 'vitest';
import { utf8 } from '../../../../base/bytes.ts';
import {
  bodyKeyOf,
  hiddenEtag,
  keyOf,
  unwrapKey,
  wrapKey,
} from '../../../../server/core/encryption/wrapped-key.ts';
import { seededRandom } from '../../../memory/ports.ts';

const random = seededRandom('wrap');
const master = keyOf(random.bytes(32));
const secret = random.bytes(32);
const binding = utf8('here');

test('a wrapped key opens under its master key and binding only, and whole', () => {
  const wrapped = wrapKey(master, secret, { binding, random });
  expect(wrapped.length).toBe(81);
  expect(unwrapKey(master, wrapped, binding)).toEqual(Buffer.from(secret));
  expect(unwrapKey(keyOf(random.bytes(32)), wrapped, binding)).toBeUndefined();
  expect(unwrapKey(master, wrapped, utf8('there'))).toBeUndefined();
  expect(unwrapKey(master, wrapped.subarray(1), binding)).toBeUndefined();
  expect(unwrapKey(master, new Uint8Array(0), binding)).toBeUndefined();
  for (let at = 0; at < wrapped.length; at++) {
    const bad = Uint8Array.from(wrapped);
    bad[at] = (bad[at] ?? 0) ^ 1;
    expect(unwrapKey(master, bad, binding), `byte ${at}`).toBeUndefined();
  }
});

test('no two wrappings are alike', () => {
  const texts = Array.from({ length: 50 }, () =>
    Buffer.from(wrapKey(master, secret, { binding, random })).toString('hex'),
  );
  expect(new Set(texts).size).toBe(50);
});

test('what is derived differs by key and by salt', () => {
  const objectKey = keyOf(secret);
  const salts = [random.bytes(32), random.bytes(32)];
  const keys = salts.map((salt) => bodyKeyOf(objectKey, salt).export().toString('hex'));
  expect(new Set([...keys, Buffer.from(secret).toString('hex')]).size).toBe(3);
  const md5 = 'd41d8cd98f00b204e9800998ecf8427e';
  expect(hiddenEtag(objectKey, md5)).toMatch(/^[0-9a-f]{32}$/);
  expect(hiddenEtag(objectKey, md5)).toBe(hiddenEtag(objectKey, md5));
  expect(hiddenEtag(objectKey, md5)).not.toBe(md5);
  expect(hiddenEtag(master, md5)).not.toBe(hiddenEtag(objectKey, md5));
});
