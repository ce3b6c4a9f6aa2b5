import { expect, test } from 'vitest';
import { utf8 } from '../../../base/bytes.ts';
import { createDurably, type Disk } from '../../../base/disk.ts';
import { isStoreError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/log.ts';
import { FileKeyRing, keyRingPath } from '../../../server/keys/key-ring.ts';
import { keysForServer, makeKeys, type KeySettings } from '../../../server/keys/open-keys.ts';
import { ManualClock, seededRandom } from '../../memory/ports.ts';
import { SimDisk } from '../../sim/disk.ts';

const binding = utf8('here');
const secret = Buffer.alloc(32, 's');
const settings: KeySettings = { encryptAll: false, keyRing: 'required', serviceKeys: ['one'] };

function parts(disk: Disk, seed = 'keys'): Parameters<typeof keysForServer>[0] {
  const clock = new ManualClock();
  return { disk, clock, random: seededRandom(seed), logger: silentLogger, region: 'r' };
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'fulfilled';
  } catch (error) {
    return isStoreError(error) ? `${error.kind}: ${error.message}` : 'foreign';
  }
}

test('a ring is kept, and rotated: new objects get the new key, old ones are read', async () => {
  const disk = new SimDisk();
  const ring = await FileKeyRing.create(parts(disk));
  const old = await ring.wrap(secret, binding);
  const [first, second] = await Promise.all([ring.rotate(), ring.rotate()]);
  const wrapped = await ring.wrap(secret, binding);
  expect(wrapped.keyId).toBe(second);
  expect(new Set([old.keyId, first, second]).size).toBe(3);
  const again = await FileKeyRing.open(parts(disk));
  expect(again?.id).toBe(ring.id);
  expect(again?.list().map(({ active }) => active)).toEqual([false, false, true]);
  expect(await again?.unwrap(old, binding)).toEqual(secret);
  expect(await again?.unwrap(wrapped, binding)).toEqual(secret);
  const other = await again?.unwrap(old, utf8('there')).catch((error: unknown) => error);
  expect(isStoreError(other, 'corrupt')).toBe(true);
});

test('an older copy of the ring says that it lacks a key', async () => {
  const disk = new SimDisk();
  const ring = await FileKeyRing.create(parts(disk));
  const before = await disk.readAll(keyRingPath);
  await ring.rotate();
  const wrapped = await ring.wrap(secret, binding);
  await createDurably(disk, keyRingPath, before ?? new Uint8Array(0));
  const restored = await FileKeyRing.open(parts(disk));
  expect(await refusal(restored?.unwrap(wrapped, binding) ?? Promise.resolve())).toBe(
    'unavailable: the key ring lacks the key of this object',
  );
});

test('a damaged file is refused, and the refusal shows nothing of it', async () => {
  const disk = new SimDisk();
  await FileKeyRing.create(parts(disk));
  const whole = (await disk.readAll(keyRingPath)) ?? new Uint8Array(0);
  for (let at = 0; at < whole.length - 1; at++) {
    const bad = Uint8Array.from(whole);
    bad[at] = (bad[at] ?? 0) ^ 1;
    await createDurably(disk, keyRingPath, bad);
    expect(await refusal(FileKeyRing.open(parts(disk))), `byte ${at}`).toBe(
      `corrupt: ${keyRingPath} is damaged: bring it back from a backup`,
    );
  }
  for (const short of [0, 10, whole.length - 5]) {
    await createDurably(disk, keyRingPath, whole.subarray(0, short));
    expect(await refusal(FileKeyRing.open(parts(disk)))).toMatch(/^corrupt/);
  }
});

test('keys are made with the store, and never again by themselves', async () => {
  const disk = new SimDisk();
  const ringId = await makeKeys(parts(disk), settings);
  // The first start died before the map was written: the keys stay.
  expect(await makeKeys(parts(disk, 'other'), settings)).toBe(ringId);
  const { keys } = await keysForServer(parts(disk), settings, ringId);
  const wrapped = await keys.ring.wrap(secret, binding);
  expect(await keys.ring.unwrap(wrapped, binding)).toEqual(secret);
  const more = { ...settings, serviceKeys: ['one', 'two'] };
  const refused = await refusal(keysForServer(parts(disk), more, ringId));
  expect(refused).toMatch(/^unavailable: keys\/kms\/two.json is not there.* torc kms create/);
  await disk.remove(keyRingPath);
  expect(await refusal(keysForServer(parts(disk), settings, ringId))).toMatch(
    /^unavailable: keys\/ring.json is not there: bring it back/,
  );
  // To save what is plain.
  const optional = { ...settings, keyRing: 'optional' } as const;
  const saved = await keysForServer(parts(disk), optional, ringId);
  expect(await refusal(saved.keys.ring.unwrap(wrapped, binding))).toMatch(/^unavailable/);
  expect(await refusal(saved.keys.ring.wrap(secret, binding))).toMatch(/^unavailable/);
  const all = { ...optional, encryptAll: true };
  expect(await refusal(keysForServer(parts(disk), all, ringId))).toMatch(/^unavailable/);
  await FileKeyRing.create(parts(disk, 'another store'));
  expect(await refusal(keysForServer(parts(disk), settings, ringId))).toMatch(/another store/);
});

test('a store from before there were rings gets one at its next start', async () => {
  const disk = new SimDisk();
  const { keys } = await keysForServer(parts(disk), settings, undefined);
  const wrapped = await keys.ring.wrap(secret, binding);
  const again = await keysForServer(parts(disk), settings, undefined);
  expect(await again.keys.ring.unwrap(wrapped, binding)).toEqual(secret);
});
