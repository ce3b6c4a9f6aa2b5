import { beforeEach, expect, test } from 'vitest';
import type { CopyObject } from '../../../../server/core/api.ts';
import { versionIdOf } from '../../../../server/core/model.ts';
import {
  type Fixture,
  account,
  bodyOf,
  createContainer,
  createFixture,
  kindOf,
  md5,
  owner,
  putCommand,
  readAll,
  stranger,
} from '../fixture.ts';

const source = { account, container: 'c', key: 'from' };
const target = { account, container: 'c', key: 'to' };
const bytes = Buffer.from(Array.from({ length: 100 }, (_, index) => index));
let fixture: Fixture;

beforeEach(async () => {
  fixture = createFixture();
  await createContainer(fixture.core, 'c');
  const body = bodyOf(bytes, { checksums: ['crc32'] });
  await fixture.core.putObject(owner, putCommand('c', 'from', bytes, { body, user: { a: 'b' } }));
});

function command(more: Partial<CopyObject> = {}): CopyObject {
  return {
    source,
    sourceCondition: {},
    target,
    condition: {},
    describe: ({ contentType, system, user }) => ({ contentType, system, user }),
    ...more,
  };
}

test('a copy has its own bytes, and the checksums of its source', async () => {
  const { core, bodies } = fixture;
  const outcome = await core.copyObject(owner, command());
  expect(outcome.row).toMatchObject({ etag: md5(bytes), user: { a: 'b' } });
  expect(outcome.row.checksums).toEqual(outcome.source.checksums);
  expect(bodies.stored.size).toBe(2);
  await core.deleteObject(owner, { ...source, condition: {} });
  const reader = await core.openObject(owner, { ...target, condition: {} });
  expect(await readAll(reader)).toEqual(bytes);
});

test.each([
  [{ first: 10, last: 19 }, 10, 20],
  [{ first: 90, last: undefined }, 90, 100],
  [{ first: undefined, last: 5 }, 95, 100],
  [{ first: 50, last: 5000 }, 50, 100],
])('of the range %j', async (range, start, end) => {
  await fixture.core.copyObject(owner, command({ range }));
  const reader = await fixture.core.openObject(owner, { ...target, condition: {} });
  expect(await readAll(reader)).toEqual(bytes.subarray(start, end));
});

test('conditions are judged on both ends', async () => {
  const { core } = fixture;
  const etag = md5(bytes);
  const cases: readonly (readonly [Partial<CopyObject>, string])[] = [
    [{ sourceCondition: { ifMatch: ['other'] } }, 'precondition-failed'],
    [{ sourceCondition: { ifNoneMatch: [etag] } }, 'not-modified'],
    [{ condition: { ifMatch: '*' } }, 'no-such-object'],
    [{ range: { first: 100, last: undefined } }, 'range-not-satisfiable'],
    [{ condition: { ifNoneMatch: '*' } }, 'fulfilled'],
    [{ condition: { ifNoneMatch: '*' } }, 'precondition-failed'],
    [{ source: { ...source, key: 'absent' } }, 'no-such-object'],
    [{ source: { ...source, container: 'absent' } }, 'no-such-container'],
  ];
  for (const [more, kind] of cases) {
    expect(await kindOf(core.copyObject(owner, command(more)))).toBe(kind);
  }
});

test('an old version can be copied over the new one', async () => {
  const { core } = fixture;
  await core.updateContainer(owner, source, { settings: {}, versioning: 'enabled' });
  const { row } = await core.putObject(owner, putCommand('c', 'from', Buffer.from('new')));
  expect(versionIdOf(row)).not.toBe('null');
  const back = command({ source: { ...source, versionId: 'null' }, target: source });
  expect((await core.copyObject(owner, back)).row.etag).toBe(md5(bytes));
});

test('a part can be copied from a range of an object', async () => {
  const { core } = fixture;
  const about = { contentType: '', system: {}, user: {} };
  const checksum = { algorithm: 'crc32', type: 'full-object' } as const;
  const { uploadId } = await core.createUpload(owner, { ...target, ...about, checksum });
  const copy = { ...target, uploadId, partNumber: 1, source, sourceCondition: {} };
  const range = { first: 20, last: 59 };
  const part = await core.copyPart(owner, { ...copy, range });
  expect(part).toMatchObject({ size: 40, sourceVersion: { size: 100 } });
  const beyond = core.copyPart(owner, { ...copy, range: { first: 0, last: 100 } });
  expect(await kindOf(beyond)).toBe('invalid-argument');
  const parts = [{ partNumber: 1, etag: part.etag }];
  await core.completeUpload(owner, { ...target, uploadId, parts, condition: {} });
  const reader = await core.openObject(owner, { ...target, condition: {} });
  expect(await readAll(reader)).toEqual(bytes.subarray(20, 60));
});

test('a stranger may neither read the source nor write the target', async () => {
  expect(await kindOf(fixture.core.copyObject(stranger, command()))).toBe('access-denied');
});
