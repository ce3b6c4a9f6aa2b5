import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Core, ReadCondition } from '../../../../server/core/api.ts';
import { isStoreError } from '../../../../base/errors.ts';
import { micros } from '../../../../base/units.ts';
import { checkReadCondition } from '../../../../server/core/object/condition.ts';
import { type VersionRow, versionIdOf } from '../../../../server/core/model.ts';
import type { RowStore } from '../../../../server/core/ports.ts';
import {
  type Fixture,
  account,
  bodyOf,
  collect,
  createContainer,
  createFixture,
  kindOf,
  owner,
  putCommand,
  readAll,
  text,
} from '../fixture.ts';

const at = { account, container: 'c', key: 'k', condition: {} };

const row: VersionRow = {
  kind: 'object',
  version: micros(1_700_000_000_500_000),
  isNull: true,
  modifiedAt: micros(1_700_000_000_500_000),
  size: 0,
  etag: 'e1',
  contentType: '',
  system: {},
  user: {},
  checksums: [],
  body: { type: 'empty' },
};
const its = 1_700_000_000_000;

// RFC 9110 section 13.2.2, in its order.
const conditions: readonly (readonly [ReadCondition, string])[] = [
  [{}, 'ok'],
  [{ ifMatch: ['e1'] }, 'ok'],
  [{ ifMatch: '*' }, 'ok'],
  [{ ifMatch: ['e2'] }, 'precondition-failed'],
  [{ ifMatch: ['e1'], ifUnmodifiedSince: its - 1000 }, 'ok'],
  [{ ifUnmodifiedSince: its - 1000 }, 'precondition-failed'],
  [{ ifUnmodifiedSince: its }, 'ok'],
  [{ ifNoneMatch: ['e1'] }, 'not-modified'],
  [{ ifNoneMatch: '*' }, 'not-modified'],
  [{ ifNoneMatch: ['e2'], ifModifiedSince: its }, 'ok'],
  [{ ifModifiedSince: its }, 'not-modified'],
  [{ ifModifiedSince: its - 1000 }, 'ok'],
  [{ ifMatch: ['e2'], ifNoneMatch: ['e1'] }, 'precondition-failed'],
  [{ ifMatch: ['e1'], ifNoneMatch: ['e1'] }, 'not-modified'],
];

test.each(conditions)('%j: %s', (condition, expected) => {
  let kind = 'ok';
  try {
    checkReadCondition(condition, row);
  } catch (error) {
    if (!isStoreError(error)) throw error;
    kind = error.kind;
    expect(error.detail).toMatchObject({ etag: 'e1', modifiedAt: row.modifiedAt });
  }
  expect(kind).toBe(expected);
});

/** Counts the calls that reach the rows. */
function counted(calls: string[]): (rows: RowStore) => RowStore {
  return (rows) => ({
    execute: (command) => rows.execute(command),
    get: (table, key) => {
      calls.push(`get ${table}`);
      return rows.get(table, key);
    },
    getWithBody: (table, key) => {
      calls.push(`getWithBody ${table}`);
      return rows.getWithBody(table, key);
    },
    listDirectory: (id, query) => rows.listDirectory(id, query),
    listCurrent: (id, query) => rows.listCurrent(id, query),
    listVersions: (id, query) => rows.listVersions(id, query),
    listUploads: (id, query) => rows.listUploads(id, query),
    listTombstones: (id, query) => rows.listTombstones(id, query),
    listParts: (place, after, limit) => rows.listParts(place, after, limit),
    usage: (id) => rows.usage(id),
    accountUsage: (id) => rows.accountUsage(id),
  });
}

test('a small GET is one read besides the container, a HEAD takes no body along', async () => {
  const calls: string[] = [];
  const { core } = createFixture(counted(calls));
  await createContainer(core, 'c');
  await core.putObject(owner, putCommand('c', 'k', text('small')));
  calls.length = 0;
  const reader = await core.openObject(owner, at);
  expect(Buffer.from(await readAll(reader)).toString()).toBe('small');
  expect(calls).toEqual(['get container', 'getWithBody current']);
  calls.length = 0;
  const head = await core.openObject(owner, { ...at, metadataOnly: true });
  expect(calls).toEqual(['get container', 'get current']);
  expect(Buffer.from(await readAll(head)).toString()).toBe('small');
});

describe('an object of parts', () => {
  let fixture: Fixture;
  const pieces = [20, 20, 20, 9, 9, 30, 0].map((size, index) => Buffer.alloc(size, index + 1));
  const whole = Buffer.concat(pieces);

  beforeEach(async () => {
    fixture = createFixture();
    const { core } = fixture;
    await createContainer(core, 'c');
    const about = { contentType: '', system: {}, user: {} };
    const checksum = { algorithm: 'crc32', type: 'composite' } as const;
    const { uploadId } = await core.createUpload(owner, { ...at, ...about, checksum });
    const parts: { partNumber: number; etag: string }[] = [];
    for (const [index, bytes] of pieces.entries()) {
      const partNumber = index + 1;
      const body = bodyOf(bytes);
      const { etag } = await core.putPart(owner, { ...at, uploadId, partNumber, body });
      parts.push({ partNumber, etag });
    }
    await core.completeUpload(owner, { ...at, uploadId, parts });
  });

  test('reads any range', async () => {
    const reader = await fixture.core.openObject(owner, at);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.nat(whole.length), async (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        const read = await collect(reader.read(start, end));
        expect(read).toEqual(whole.subarray(start, end));
      }),
      { numRuns: 200 },
    );
  });

  test('shows each part with its own checksum', async () => {
    let start = 0;
    for (const [index, bytes] of pieces.entries()) {
      const partNumber = index + 1;
      const { part } = await fixture.core.openObject(owner, { ...at, partNumber });
      const end = start + bytes.length;
      expect(part).toMatchObject({ partNumber, partsCount: pieces.length, start, end });
      expect(part?.checksums.map((one) => one.algorithm)).toEqual(['crc32']);
      start = end;
    }
    const beyond = fixture.core.openObject(owner, { ...at, partNumber: 8 });
    expect(await kindOf(beyond)).toBe('range-not-satisfiable');
  });
});

test('an object that is not of parts is its own part 1', async () => {
  const { core } = createFixture();
  await createContainer(core, 'c');
  await core.putObject(owner, putCommand('c', 'k', text('whole')));
  const { part } = await core.openObject(owner, { ...at, partNumber: 1 });
  expect(part).toMatchObject({ partNumber: 1, partsCount: undefined, start: 0, end: 5 });
  const second = core.openObject(owner, { ...at, partNumber: 2 });
  expect(await kindOf(second)).toBe('range-not-satisfiable');
});

test('a version that moves between its places is found all the same', async () => {
  const write = fc.constantFrom('put', 'marker', 'delete-newest', 'nothing');
  await fc.assert(
    fc.asyncProperty(
      fc.array(write, { maxLength: 7 }),
      fc.boolean(),
      fc.boolean(),
      async (chosen, isNull, isLate) => {
        const writes = [...chosen];
        let isReading = false;
        const made: string[] = [];
        const disturb = async (core: Core): Promise<void> => {
          const what = isReading ? writes.shift() : undefined;
          if (what === 'put') {
            made.push(
              versionIdOf((await core.putObject(owner, putCommand('c', 'k', text('y')))).row),
            );
          }
          if (what === 'marker') {
            const { marker } = await core.deleteObject(owner, at);
            if (marker !== undefined) made.push(versionIdOf(marker));
          }
          const versionId = what === 'delete-newest' ? made.pop() : undefined;
          if (versionId !== undefined) await core.deleteObject(owner, { ...at, versionId });
        };
        const quiet = createFixture();
        const { core } = quiet;
        await createContainer(core, 'c', isNull ? 'suspended' : 'enabled');
        const kept = await core.putObject(owner, putCommand('c', 'k', text('kept')));
        await core.updateContainer(owner, at, { settings: {}, versioning: 'enabled' });
        if (isLate) await core.putObject(owner, putCommand('c', 'k', text('later')));
        const noisy = noisyCore(quiet, () => disturb(core));
        isReading = true;
        const versionId = versionIdOf(kept.row);
        const reader = await noisy.openObject(owner, { ...at, versionId });
        isReading = false;
        expect(Buffer.from(await readAll(reader)).toString()).toBe('kept');
      },
    ),
    { numRuns: 300, seed: 9 },
  );
});

/** A second core on the same rows, whose reads of object rows each come after a disturbance. */
function noisyCore(fixture: Fixture, disturb: () => Promise<void>): Core {
  const noisy = createFixture(() => {
    const { rows } = fixture;
    return {
      execute: (command) => rows.execute(command),
      get: async (table, key) => {
        if (table === 'version') await disturb();
        return rows.get(table, key);
      },
      getWithBody: async (table, key) => {
        await disturb();
        return rows.getWithBody(table, key);
      },
      listDirectory: (id, query) => rows.listDirectory(id, query),
      listCurrent: (id, query) => rows.listCurrent(id, query),
      listVersions: (id, query) => rows.listVersions(id, query),
      listUploads: (id, query) => rows.listUploads(id, query),
      listTombstones: (id, query) => rows.listTombstones(id, query),
      listParts: (place, after, limit) => rows.listParts(place, after, limit),
      usage: (id) => rows.usage(id),
      accountUsage: (id) => rows.accountUsage(id),
    };
  });
  return noisy.core;
}
