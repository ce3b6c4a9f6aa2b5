import { describe, expect, it } from 'vitest';
import { micros } from '../../../base/units.ts';
import type { Row } from '../../../storage/shard/shard.ts';
import type { StoredBody } from '../../../server/core/model.ts';
import type { KeyOf, RowOf, TableName } from '../../../server/core/ports.ts';
import { homeOfLocal, idOfCommand } from '../../../server/proxy/home.ts';
import { encodeKey, encodeRow } from '../../../server/proxy/row-codec.ts';

const containerId = 'c1'.repeat(16);
const objectId = '0b'.repeat(16);
const stored: StoredBody = {
  ...{ objectId, policy: 'p', scheme: 'ec:4+2', stripeBytes: 4096, size: 10, partition: 1 },
  missing: [],
} as unknown as StoredBody;

function rowOf<T extends TableName>(table: T, key: KeyOf<T>, row: RowOf<T>): Row {
  return { key: encodeKey(table, key), meta: encodeRow<T>(row), bodyLength: undefined };
}

const claim = rowOf('claim', { containerId, objectId }, { containerId, key: 'k', stored });
const nothing = { get: () => undefined };

describe('the home of a local row', () => {
  it('is the container that it is about', () => {
    const queued = { containerId, dueAt: 1, id: 'x' };
    const due = { containerId, lane: 'check', dueAt: 1, id: 'ab'.repeat(16) } as const;
    const stamp = micros(1);
    const rows = [
      claim,
      rowOf('queue', queued, { type: 'expire', containerId, key: 'k', version: micros(1) }),
      rowOf('queue', queued, { type: 'release', stored, containerId }),
      rowOf('queue', queued, { type: 'repair', objectId, containerId }),
      rowOf('due', due, { type: 'key', containerId, key: 'k', stamp }),
    ];
    for (const row of rows) expect(homeOfLocal(row, nothing)).toBe(containerId);
  });

  it('is told by the claim, for what older releases queued', () => {
    const key = { containerId, dueAt: 1, id: 'x' };
    const row = rowOf('queue', key, { type: 'release', stored });
    expect(
      homeOfLocal(row, { get: (key) => (Buffer.from(key).equals(claim.key) ? claim : undefined) }),
    ).toBe(containerId);
    expect(homeOfLocal(row, nothing)).toBeUndefined();
  });

  it('is the shard itself for sums of an account, and for what this release does not know', () => {
    const sums = { containers: 1, objects: 2, bytes: 3, policies: {} };
    const accountId = 'ac'.repeat(16);
    expect(
      homeOfLocal(rowOf('accountUsage', { containerId, accountId }, sums), nothing),
    ).toBeUndefined();
    const unknown = {
      key: Uint8Array.of(0, 0x7e, 1),
      meta: Uint8Array.of(9),
      bodyLength: undefined,
    };
    expect(homeOfLocal(unknown, nothing)).toBeUndefined();
  });
});

it('sends a command where what it is about lies', () => {
  const line = {
    type: 'directory.remove',
    accountId: 'ac'.repeat(16),
    name: 'n',
    containerId,
  } as const;
  expect(idOfCommand(line as never)).toBe(line.accountId);
  expect(idOfCommand({ type: 'queue.done', containerId, dueAt: 1, id: 'x' })).toBe(containerId);
});
