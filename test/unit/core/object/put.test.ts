import { beforeEach, describe, expect, test } from 'vitest';
import { StoreError } from '../../../../base/errors.ts';
import type { IncomingBody } from '../../../../server/core/api.ts';
import type { ObjectAddress } from '../../../../server/core/request.ts';
import { digestOf } from '../../../../server/core/digest/checksum.ts';
import type { RowStore } from '../../../../server/core/ports.ts';
import {
  type Fixture,
  INLINE_BYTES,
  account,
  bodyOf,
  chunksOf,
  createContainer,
  createFixture,
  kindOf,
  md5,
  owner,
  putCommand,
  readAll,
} from '../fixture.ts';

const at: ObjectAddress = { account, container: 'c', key: 'k' };
const large = Buffer.alloc(1000, 7);
const small = Buffer.alloc(INLINE_BYTES, 8);
let fixture: Fixture;

beforeEach(async () => {
  fixture = createFixture();
  await createContainer(fixture.core, 'c');
});

async function put(bytes: Uint8Array, more: Partial<IncomingBody> = {}): Promise<string> {
  const body = bodyOf(bytes, more);
  return kindOf(fixture.core.putObject(owner, putCommand('c', 'k', bytes, { body })));
}

function nothingIsLeft(): void {
  expect(fixture.bodies.stored.size).toBe(0);
  expect(fixture.rows.rowsOf('current')).toEqual([]);
}

test.each([
  [0, 'empty'],
  [1, 'inline'],
  [INLINE_BYTES, 'inline'],
  [INLINE_BYTES + 1, 'stored'],
  [1000, 'stored'],
])('%i bytes are %s, with their MD5', async (size, type) => {
  const bytes = Buffer.alloc(size, 5);
  const { row } = await fixture.core.putObject(owner, putCommand('c', 'k', bytes));
  expect(row).toMatchObject({ size, etag: md5(bytes), body: { type } });
  const reader = await fixture.core.openObject(owner, { ...at, condition: {} });
  expect(await readAll(reader)).toEqual(bytes);
});

describe.each([
  ['inline', small],
  ['stored', large],
])('%s: what is not what the client said is refused and leaves nothing', (_type, bytes) => {
  test.each([
    ['incomplete-body', { size: 999_999 }],
    ['incomplete-body', { size: bytes.length - 1 }],
    ['digest-mismatch', { md5: 'f'.repeat(32) }],
    [
      'digest-mismatch',
      {
        checksums: ['crc32' as const],
        expected: () => [{ algorithm: 'crc32' as const, value: 'AAAAAA==' }],
      },
    ],
  ])('%s', async (kind, more) => {
    expect(await put(bytes, more)).toBe(kind);
    nothingIsLeft();
    // Refused in the stream, so before anything was synced.
    expect(fixture.bodies.discarded).toEqual([]);
  });

  test('an error of the body passes through', async () => {
    const chunks = async function* (): AsyncGenerator<Uint8Array> {
      yield* chunksOf(bytes);
      throw new StoreError('access-denied', 'door', 'a signature does not fit');
    };
    expect(await put(bytes, { chunks: chunks() })).toBe('access-denied');
    nothingIsLeft();
  });

  test('right digests are stored, and asked for once, at the end', async () => {
    let asked = 0;
    const value = Buffer.from(digestOf('crc64nvme', bytes)).toString('base64');
    const expected = (): readonly { algorithm: 'crc64nvme'; value: string }[] => {
      asked++;
      return [{ algorithm: 'crc64nvme', value }];
    };
    const body = bodyOf(bytes, { checksums: ['crc64nvme'], expected, md5: md5(bytes) });
    const { row } = await fixture.core.putObject(owner, putCommand('c', 'k', bytes, { body }));
    expect(asked).toBe(1);
    expect(row.checksums).toEqual([{ algorithm: 'crc64nvme', type: 'full-object', value }]);
  });
});

test('no more than the limit, declared or not', async () => {
  const limited = createFixture(undefined, { maxBodyBytes: 999 });
  await createContainer(limited.core, 'c');
  for (const size of [large.length, undefined]) {
    const body = bodyOf(large, { size });
    const call = limited.core.putObject(owner, putCommand('c', 'k', large, { body }));
    expect(await kindOf(call)).toBe('too-large');
  }
  expect(limited.bodies.stored.size).toBe(0);
});

test('where the store gives up, the body is closed and not read on', async () => {
  let read = 0;
  let isClosed = false;
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        await Promise.resolve();
        read++;
        yield Buffer.alloc(1024);
      }
    } finally {
      isClosed = true;
    }
  };
  const giveUp = async (_target: unknown, body: AsyncIterable<Uint8Array>): Promise<never> => {
    for await (const _chunk of body) if (read > 20) break;
    throw new StoreError('full', 'bodies.write', 'no device has room');
  };
  Object.assign(fixture.bodies, { write: giveUp });
  expect(await put(small, { chunks: endless(), size: undefined })).toBe('full');
  expect(read).toBeLessThan(30);
  expect(isClosed).toBe(true);
});

test('a failing condition is found before the body is read', async () => {
  await put(small);
  let isRead = false;
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    isRead = true;
    yield large;
  };
  const body: IncomingBody = { chunks: chunks(), size: large.length };
  const condition = { ifNoneMatch: '*' } as const;
  const call = fixture.core.putObject(owner, putCommand('c', 'k', large, { body, condition }));
  expect(await kindOf(call)).toBe('precondition-failed');
  expect(isRead).toBe(false);
});

describe('when the commit fails', () => {
  async function putWith(error: StoreError): Promise<Fixture> {
    const failing = createFixture((rows): RowStore => {
      const wrapped: RowStore = Object.create(rows);
      return Object.assign(wrapped, {
        execute: (command: Parameters<RowStore['execute']>[0]) =>
          command.type === 'object.put' ? Promise.reject(error) : rows.execute(command),
        get: rows.get.bind(rows),
      });
    });
    await createContainer(failing.core, 'c');
    expect(await kindOf(failing.core.putObject(owner, putCommand('c', 'k', large)))).toBe(
      error.kind,
    );
    return failing;
  }

  test('for a reason of its own, the body goes at once', async () => {
    const { bodies } = await putWith(new StoreError('precondition-failed', 'test', 'no'));
    expect(bodies.stored.size).toBe(0);
  });

  test.each(['unavailable', 'stale-epoch', 'cancelled', 'internal'] as const)(
    'with %s it may have happened: the body stays',
    async (kind) => {
      const { bodies } = await putWith(new StoreError(kind, 'test', 'who knows'));
      expect(bodies.stored.size).toBe(1);
    },
  );
});

test('a container that was deleted while the body came is gone, and so is the body', async () => {
  const { core, bodies } = fixture;
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    yield* chunksOf(large);
    await core.deleteContainer(owner, at);
  };
  expect(await put(large, { chunks: chunks() })).toBe('no-such-container');
  expect(bodies.stored.size).toBe(0);
});

test('an aborted request stops', async () => {
  const controller = new AbortController();
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    yield* chunksOf(large);
    controller.abort();
    yield* chunksOf(large);
  };
  const body = { chunks: chunks(), size: undefined };
  const ctx = { ...owner, signal: controller.signal };
  const call = fixture.core.putObject(ctx, putCommand('c', 'k', large, { body }));
  expect(await kindOf(call)).toBe('cancelled');
  nothingIsLeft();
});

test('keys have their limit in bytes', async () => {
  const { core } = fixture;
  const fits = '\u{1f600}'.repeat(256);
  expect(await kindOf(core.putObject(owner, putCommand('c', fits, small)))).toBe('fulfilled');
  const call = core.putObject(owner, putCommand('c', `${fits}a`, small));
  expect(await kindOf(call)).toBe('name-too-long');
  expect(await kindOf(core.putObject(owner, putCommand('c', '', small)))).toBe('invalid-argument');
});
