import { describe, expect, it } from 'vitest';
import { micros, shardId } from '../../../base/units.ts';
import type { QueueRow, StoredBody } from '../../../server/core/model.ts';
import type { KeyOf, RowOf, TableName } from '../../../server/core/ports.ts';
import { homeOfLocal } from '../../../server/proxy/home.ts';
import { keyJoined, metaJoined, settling } from '../../../server/proxy/joined.ts';
import {
  decodeAccountUsageKey,
  decodeQueueKey,
  decodeRow,
  encodeKey,
  encodeRow,
  localTableOf,
} from '../../../server/proxy/row-codec.ts';
import type { Row } from '../../../storage/shard/shard.ts';

const containerId = 'c1'.repeat(16);
const accountId = 'ac'.repeat(16);
const objectId = '0b'.repeat(16);
const home = '70'.repeat(16);
const from = { shard: shardId(7), home };
const nothing = { get: () => undefined };
const stored = { objectId, policy: 'p', scheme: 'ec:4+2' } as unknown as StoredBody;

function rowOf<T extends TableName>(table: T, key: KeyOf<T>, row: RowOf<T>): Row {
  return { key: encodeKey(table, key), meta: encodeRow<T>(row), bodyLength: undefined };
}

function joined(row: Row): Row {
  const key = keyJoined(row.key, from);
  return { key, meta: metaJoined(row, nothing, from), bodyLength: undefined };
}

describe('rows that come with a merged shard', () => {
  it('of the queue have names that no other row there has, and the claim knows its repair by it', () => {
    const repair: QueueRow = { type: 'repair', objectId, containerId };
    const at = { dueAt: 12, id: '00ab-0001' };
    const queued = joined(rowOf('queue', { containerId, ...at }, repair));
    expect(localTableOf(queued.key)).toBe('queue');
    expect(decodeQueueKey(queued.key)).toEqual({ dueAt: 12, id: '00ab-0001.7' });
    expect(decodeRow<'queue'>(queued.meta)).toEqual(repair);
    const plain = { containerId, key: 'k', stored };
    const claim = joined(rowOf('claim', { containerId, objectId }, { ...plain, repair: at }));
    expect(claim.key).toEqual(encodeKey('claim', { containerId, objectId }));
    expect(decodeRow<'claim'>(claim.meta)).toEqual({
      ...plain,
      repair: decodeQueueKey(queued.key),
    });
    const whole = rowOf('claim', { containerId, objectId }, plain);
    expect(joined(whole)).toMatchObject({ key: whole.key, meta: whole.meta });
  });

  it('go with the shard when they do not say whose they are', () => {
    const release: QueueRow = { type: 'release', stored };
    const row = rowOf('queue', { containerId: '', dueAt: 1, id: 'x' }, release);
    expect(homeOfLocal(row, nothing)).toBeUndefined();
    expect(homeOfLocal(joined(row), nothing)).toBe(home);
  });

  it('of its backup are work for the reaper', () => {
    const status = { epoch: 1, sequence: 2, time: micros(3), history: [] };
    const piece = { chain: 'c', number: 0, isWhole: true, stored, status };
    const row = joined(rowOf('backup', { containerId: '', place: 4 }, piece));
    expect(decodeQueueKey(row.key)).toEqual({ dueAt: 0, id: 'backup-4.7' });
    expect(decodeRow<'queue'>(row.meta)).toEqual({ type: 'release', stored, containerId: home });
  });

  it('of sums are to be added to those that are there, also when the shard is merged once more', () => {
    const sums = { containers: 1, objects: -2, bytes: 3, policies: {} };
    const own = rowOf('accountUsage', { containerId, accountId }, sums);
    expect(settling(own)).toBeUndefined();
    const row = joined(own);
    expect(decodeAccountUsageKey(row.key)).toEqual({ accountId, from: 7 });
    expect(homeOfLocal(row, nothing)).toBe(home);
    const command = { type: 'usage.join', containerId: home, accountId, from: 7 };
    expect(settling(row)).toEqual(command);
    const later = { shard: shardId(8), home: '60'.repeat(16) };
    expect(keyJoined(row.key, later)).toEqual(row.key);
    expect(metaJoined(row, nothing, later)).toEqual(row.meta);
    expect(decodeAccountUsageKey(keyJoined(own.key, later)).from).toBe(8);
  });

  it('stay where they are when this release does not know them', () => {
    const unknown = {
      key: Uint8Array.of(0, 0x7e, 1),
      meta: Uint8Array.of(9),
      bodyLength: undefined,
    };
    expect(() => metaJoined(unknown, nothing, from)).toThrow('newer release');
  });
});
