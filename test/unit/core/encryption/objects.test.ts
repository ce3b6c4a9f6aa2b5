import { beforeEach, describe, expect, test } from 'vitest';
import { isStoreError } from '../../../../base/errors.ts';
import type { CopyObject, GetObject, ObjectReader } from '../../../../server/core/api.ts';
import type {
  ContainerEncryption,
  EncryptionWish,
} from '../../../../server/core/encryption/wish.ts';
import { encryptionSetting } from '../../../../server/core/encryption/wish.ts';
import type { VersionRow } from '../../../../server/core/model.ts';
import {
  account,
  bodyOf,
  collect,
  createContainer,
  createFixture,
  type Fixture,
  kindOf,
  md5,
  owner,
  putCommand,
  readAll,
  stranger,
} from '../fixture.ts';

const customerKey = Buffer.alloc(32, 'k');
const otherKey = Buffer.alloc(32, 'o');
const wishes: Readonly<Record<string, EncryptionWish>> = {
  'the key ring': { by: 'key-ring' },
  "a customer's key": { by: 'customer', customerKey },
  'the key service': { by: 'key-service', key: 'key-1', context: { team: 'blue' } },
  'a bucket key': { by: 'key-service', key: 'key-1', bucketKey: true },
};
const kinds = Object.keys(wishes);
/** None, a row's, a store's, and one of several frames. */
const lengths = [0, 1, 16, 17, 1000, 200_000];

let fixture: Fixture;

beforeEach(async () => {
  fixture = createFixture();
  await createContainer(fixture.core, 'c');
});

function plainBytes(length: number): Buffer {
  return Buffer.from('never to be seen on a disk '.repeat(Math.ceil(length / 27))).subarray(
    0,
    length,
  );
}

function keyFor(kind: string): { customerKey?: Uint8Array } {
  return kind === "a customer's key" ? { customerKey } : {};
}

async function put(key: string, length: number, kind: string): Promise<VersionRow> {
  const encryption = wishes[kind];
  const command = putCommand('c', key, plainBytes(length), { encryption });
  return (await fixture.core.putObject(owner, command)).row;
}

function open(key: string, more: Partial<GetObject> = {}): Promise<ObjectReader> {
  return fixture.core.openObject(owner, { account, container: 'c', key, condition: {}, ...more });
}

/** Everything that is kept: rows with their inline bodies, and stored bodies. */
function holdsPlain(): boolean {
  const needle = 'never to be s';
  const { rows, bodies } = fixture;
  const kept = [...bodies.stored.values(), ...rows.inlineBodies()];
  return kept.some((bytes) => Buffer.from(bytes).includes(needle));
}

async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return 'fulfilled';
  } catch (error) {
    if (isStoreError(error)) return error.detail['reason'] ?? error.kind;
    throw error;
  }
}

async function describeContainer(encryption: ContainerEncryption): Promise<void> {
  const settings = { [encryptionSetting]: JSON.stringify(encryption) };
  await fixture.core.updateContainer(owner, { account, container: 'c' }, { settings });
}

describe.each(kinds)('under %s', (kind) => {
  test.each(lengths)(
    '%d bytes come back, whole and in ranges, and lie nowhere plain',
    async (length) => {
      const row = await put('k', length, kind);
      expect(row.size).toBe(length);
      expect(row.etag === md5(plainBytes(length))).toBe(kind !== "a customer's key");
      expect(row.etag).toMatch(/^[0-9a-f]{32}$/);
      const reader = await open('k', keyFor(kind));
      expect(await readAll(reader)).toEqual(plainBytes(length));
      for (const [start, end] of [
        [0, length],
        [1, length - 1],
        [length >>> 1, length],
      ] as const) {
        if (start >= end) continue;
        const piece = await collect(reader.read(start, end));
        expect(Buffer.compare(piece, plainBytes(length).subarray(start, end))).toBe(0);
      }
      expect(holdsPlain()).toBe(false);
    },
  );

  test('a HEAD can be read from later', async () => {
    await put('k', 10, kind);
    const reader = await open('k', { ...keyFor(kind), metadataOnly: true });
    expect(await readAll(reader)).toEqual(plainBytes(10));
  });

  test('an upload of parts, big and small, is one object with a key of its own for each part', async () => {
    const { core } = fixture;
    const upload = { account, container: 'c', key: 'multi' };
    const described = { contentType: 'text/plain', system: {}, user: {} };
    const create = { ...upload, ...described, encryption: wishes[kind] };
    const { uploadId } = await core.createUpload(owner, create);
    const address = { ...upload, uploadId };
    const sizes = [140_000, 16, 9];
    const parts: { partNumber: number; etag: string }[] = [];
    for (const [index, size] of sizes.entries()) {
      const body = bodyOf(plainBytes(size));
      const part = { ...address, ...keyFor(kind), partNumber: index + 1, body };
      parts.push(await core.putPart(owner, part));
    }
    const done = { ...address, ...keyFor(kind), parts, condition: {} };
    const { row } = await core.completeUpload(owner, done);
    expect(row.encryption?.by).toBe(wishes[kind]?.by);
    // A repeated Complete answers the same.
    expect((await core.completeUpload(owner, done)).row.encryption).toEqual(row.encryption);
    const whole = Buffer.concat(sizes.map((size) => plainBytes(size)));
    const reader = await open('multi', keyFor(kind));
    expect(Buffer.compare(await readAll(reader), whole)).toBe(0);
    const across = await collect(reader.read(139_990, 140_020));
    expect(Buffer.compare(across, whole.subarray(139_990, 140_020))).toBe(0);
    const salts = fixture.rows.rowsOf('part').map((part) => JSON.stringify(part.row.body));
    expect(new Set(salts.filter((text) => text.includes('salt'))).size).toBe(3);
    expect(holdsPlain()).toBe(false);
  });

  test.each(kinds)('it is copied to under %s', async (to) => {
    await put('from', 100, kind);
    const copy: CopyObject = {
      source: { account, container: 'c', key: 'from', ...keyFor(kind) },
      sourceCondition: {},
      target: { account, container: 'c', key: 'to' },
      condition: {},
      encryption: wishes[to],
      describe: ({ contentType, system, user }) => ({ contentType, system, user }),
    };
    const { row } = await fixture.core.copyObject(owner, copy);
    expect(row.encryption?.by).toBe(wishes[to]?.by);
    expect(await readAll(await open('to', keyFor(to)))).toEqual(plainBytes(100));
    expect(holdsPlain()).toBe(false);
  });

  test.each([10, 200_000])(
    '%d changed bytes are noticed, though the store vouches for them',
    async (length) => {
      await put('k', length, kind);
      const { bodies, rows } = fixture;
      for (const bytes of [...bodies.stored.values(), ...rows.inlineBodies()]) {
        bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
      }
      expect(await kindOf(open('k', keyFor(kind)).then(readAll))).toBe('corrupt');
    },
  );
});

describe("a customer's key", () => {
  test('is needed, must be the right one, and of no other object', async () => {
    await put('theirs', 10, "a customer's key");
    await put('ours', 10, 'the key ring');
    for (const metadataOnly of [true, false]) {
      const missing = open('theirs', { metadataOnly });
      expect(await reasonOf(missing)).toBe('customer-key-missing');
      const wrong = open('theirs', { metadataOnly, customerKey: otherKey });
      expect(await reasonOf(wrong)).toBe('customer-key-wrong');
      const useless = open('ours', { metadataOnly, customerKey });
      expect(await reasonOf(useless)).toBe('customer-key-useless');
    }
    // Tags and the like can be had without it; the bytes cannot.
    const reader = await open('theirs', { rowOnly: true, metadataOnly: true });
    expect(reader.row.size).toBe(10);
    expect(await reasonOf(readAll(reader))).toBe('customer-key-missing');
    expect(await readAll(await open('ours', { rowOnly: true }))).toEqual(plainBytes(10));
  });

  test('is the same for all parts, and for Complete where a checksum was announced', async () => {
    const { core } = fixture;
    const upload = { account, container: 'c', key: 'multi' };
    const described = { contentType: 'text/plain', system: {}, user: {} };
    const checksum = { algorithm: 'crc32', type: 'full-object' } as const;
    const create = { ...upload, ...described, encryption: wishes["a customer's key"] };
    for (const announced of [undefined, checksum]) {
      const made = await core.createUpload(owner, { ...create, checksum: announced });
      const address = { ...upload, uploadId: made.uploadId };
      const part = (more: { customerKey?: Uint8Array }): Promise<{ etag: string }> =>
        core.putPart(owner, { ...address, partNumber: 1, body: bodyOf(plainBytes(20)), ...more });
      expect(await reasonOf(part({}))).toBe('customer-key-missing');
      expect(await reasonOf(part({ customerKey: otherKey }))).toBe('customer-key-wrong');
      const { etag } = await part({ customerKey });
      const parts = [{ partNumber: 1, etag }];
      const complete = (more: { customerKey?: Uint8Array }): Promise<unknown> =>
        core.completeUpload(owner, { ...address, parts, condition: {}, ...more });
      expect(await reasonOf(complete({ customerKey: otherKey }))).toBe('customer-key-wrong');
      const without = announced === undefined ? 'fulfilled' : 'customer-key-missing';
      expect(await reasonOf(complete({}))).toBe(without);
      if (announced !== undefined) await complete({ customerKey });
    }
  });

  test('can be refused by the container, reading apart', async () => {
    await put('old', 10, "a customer's key");
    await describeContainer({ usual: null, refusesCustomerKeys: true });
    expect(await reasonOf(put('new', 10, "a customer's key"))).toBe('customer-key-refused');
    expect(await readAll(await open('old', { customerKey }))).toEqual(plainBytes(10));
  });
});

describe('without a wish', () => {
  test.each([10, 1000])(
    '%d bytes are plain, and the search of these tests finds them',
    async (length) => {
      await fixture.core.putObject(owner, putCommand('c', 'k', plainBytes(length)));
      expect(holdsPlain()).toBe(length >= 13);
      await fixture.core.putObject(owner, putCommand('c', 'k', plainBytes(16)));
      expect(holdsPlain()).toBe(true);
    },
  );

  test('a container says how, or the whole store does, and a wish says otherwise', async () => {
    const plain = putCommand('c', 'k', plainBytes(10));
    const by = async (): Promise<string | undefined> =>
      (await fixture.core.putObject(owner, { ...plain, body: bodyOf(plainBytes(10)) })).row
        .encryption?.by;
    expect(await by()).toBeUndefined();
    fixture.keys.encryptAll = true;
    expect(await by()).toBe('key-ring');
    await describeContainer({ usual: { by: 'key-service', key: 'key-2' } });
    expect(await by()).toBe('key-service');
    fixture.keys.encryptAll = false;
    expect(await by()).toBe('key-service');
    expect((await put('k', 10, 'the key ring')).encryption?.by).toBe('key-ring');
    await describeContainer({ usual: null });
    expect(await by()).toBeUndefined();
  });

  test('a bucket key can be asked for, or waived, by itself', async () => {
    await describeContainer({ usual: { by: 'key-service', key: 'key-1', bucketKey: true } });
    const encryption: EncryptionWish = { by: 'container', bucketKey: false };
    const command = putCommand('c', 'k', plainBytes(10), { encryption });
    const { row } = await fixture.core.putObject(owner, command);
    expect(row.encryption).toMatchObject({ by: 'key-service' });
    expect(row.encryption).not.toHaveProperty('bucketKey');
  });
});

describe('the keepers of keys', () => {
  test('after a rotation old objects are read, and new ones have the new key', async () => {
    await put('old', 10, 'the key ring');
    fixture.keys.rotate('ring-2');
    expect((await put('new', 10, 'the key ring')).encryption).toMatchObject({ keyId: 'ring-2' });
    expect(await readAll(await open('old'))).toEqual(plainBytes(10));
    fixture.keys.ringKeys.delete('ring-1');
    expect(await kindOf(open('old'))).toBe('unavailable');
    expect(await readAll(await open('new'))).toEqual(plainBytes(10));
  });

  test('when the key service is away nothing is read from the client, and nothing stored', async () => {
    await put('k', 1000, 'the key service');
    fixture.keys.isAway = true;
    let isRead = false;
    const chunks = (async function* () {
      isRead = true;
      yield await Promise.resolve(plainBytes(1000));
    })();
    const encryption = wishes['the key service'];
    const body = { chunks, size: 1000 };
    const command = putCommand('c', 'new', plainBytes(1), { body, encryption });
    expect(await kindOf(fixture.core.putObject(owner, command))).toBe('unavailable');
    expect([isRead, fixture.bodies.stored.size]).toEqual([false, 1]);
    expect(await kindOf(open('k'))).toBe('unavailable');
    // What needs no key is answered.
    expect((await open('k', { metadataOnly: true })).row.size).toBe(1000);
    fixture.keys.isAway = false;
    expect(await readAll(await open('k'))).toEqual(plainBytes(1000));
  });

  test('a key that is gone or disabled says so', async () => {
    const encryption: EncryptionWish = { by: 'key-service', key: 'nobody' };
    const command = putCommand('c', 'k', plainBytes(10), { encryption });
    expect(await reasonOf(fixture.core.putObject(owner, command))).toBe('key-not-found');
    await put('k', 10, 'the key service');
    fixture.keys.disabled.add('key-1');
    expect(await reasonOf(open('k'))).toBe('key-disabled');
    expect(await reasonOf(put('k', 10, 'the key service'))).toBe('key-disabled');
  });

  test('the service is told for which object, and asked once for many under a bucket key', async () => {
    const { keys } = fixture;
    await put('k', 10, 'the key service');
    const arn = { 'aws:s3:arn': 'arn:aws:s3:::c/k' };
    expect(keys.uses[0]).toMatchObject({ operation: 'wrap', context: { team: 'blue', ...arn } });
    keys.uses.length = 0;
    for (const key of ['a', 'b', 'd']) await put(key, 10, 'a bucket key');
    for (const key of ['a', 'b', 'd']) expect((await readAll(await open(key))).length).toBe(10);
    const bucketArn = { 'aws:s3:arn': 'arn:aws:s3:::c' };
    expect(keys.uses.map(({ operation }) => operation)).toEqual(['wrap', 'unwrap']);
    expect(keys.uses[0]?.context).toEqual(bucketArn);
    // Later it is asked again, so that a disabled key is noticed.
    fixture.clock.advance(10 * 60_000);
    keys.disabled.add('key-1');
    expect(await reasonOf(put('e', 10, 'a bucket key'))).toBe('key-disabled');
    expect(await reasonOf(open('a'))).toBe('key-disabled');
    keys.disabled.clear();
    expect(await readAll(await open('a'))).toEqual(plainBytes(10));
  });

  test('a wrapped key does not open in another container, nor in another context', async () => {
    const { core, rows } = fixture;
    const containerId = await createContainer(core, 'd');
    for (const kind of ['the key ring', "a customer's key"]) {
      const { encryption } = await put('k', 10, kind);
      await core.putObject(owner, putCommand('d', 'k', plainBytes(10)));
      await rows.execute({ type: 'object.update', containerId, key: 'k', change: { encryption } });
      const at = { account, container: 'd', key: 'k', condition: {}, ...keyFor(kind) };
      const expected = kind === 'the key ring' ? 'corrupt' : 'customer-key-wrong';
      expect(await reasonOf(core.openObject(owner, at))).toBe(expected);
    }
  });

  test('who may not read learns nothing of keys', async () => {
    await put('k', 10, "a customer's key");
    const at = { account, container: 'c', key: 'k', condition: {} };
    expect(await reasonOf(fixture.core.openObject(stranger, at))).toBe('access-denied');
  });
});
