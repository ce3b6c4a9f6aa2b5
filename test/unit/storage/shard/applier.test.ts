import { MemoryLevel } from 'memory-level';
import { expect, it } from 'vitest';
import { utf8 } from '../../../../base/bytes.ts';
import { Applier } from '../../../../storage/shard/replica/applier.ts';
import type { Index } from '../../../../storage/shard/row.ts';

async function openApplier(): Promise<{ applier: Applier; index: Index; lookUps: () => number }> {
  const index = new MemoryLevel<Uint8Array, Uint8Array>({
    keyEncoding: 'view',
    valueEncoding: 'view',
  });
  await index.open();
  let count = 0;
  const getSync = index.getSync.bind(index);
  index.getSync = (key: Uint8Array) => {
    count++;
    return getSync(key);
  };
  const fail = (error: unknown): never => {
    throw error;
  };
  return { applier: new Applier(index, fail), index, lookUps: () => count };
}

const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();
const key = utf8('key');
const range = { gte: utf8('k'), lt: utf8('l') };

it('looks a value up once, as long as nobody writes it', async () => {
  const { applier, lookUps } = await openApplier();
  applier.put(key, utf8('one'));
  await applier.flush();
  for (let i = 0; i < 3; i++) expect(textOf(applier.lookup(key))).toBe('one');
  expect(lookUps()).toBe(1);
  // What is noted beside a value goes with it.
  const found = applier.find(key);
  expect(applier.find(key)).toBe(found);
  applier.put(key, utf8('two'));
  expect(textOf(applier.lookup(key))).toBe('two');
  await applier.flush();
  expect(textOf(applier.lookup(key))).toBe('two');
  expect(applier.find(key)).not.toBe(found);
  expect(lookUps()).toBe(2);
});

it('keeps nothing of what is deleted, one by one or by range', async () => {
  const { applier } = await openApplier();
  applier.put(key, utf8('one'));
  await applier.flush();
  expect(textOf(applier.lookup(key))).toBe('one');
  applier.delete(key);
  expect(applier.lookup(key)).toBeUndefined();
  await applier.flush();
  expect(applier.lookup(key)).toBeUndefined();
  applier.put(key, utf8('two'));
  await applier.flush();
  expect(textOf(applier.lookup(key))).toBe('two');
  await applier.deleteRange(range);
  expect(applier.lookup(key)).toBeUndefined();
});
