import { expect, it } from 'vitest';
import type { Command } from '../../../server/core/commands.ts';
import type { RowStore } from '../../../server/core/ports.ts';
import { executeFrom } from '../../../server/work/queue.ts';
import type { Shard } from '../../../storage/shard/shard.ts';

it('what a row asks for of a name is done where the name lies, all else in the shard of the row', async () => {
  const done: [string, string][] = [];
  const rows = {
    execute: (command: Command) => Promise.resolve(done.push(['rows', command.type])),
  } as unknown as RowStore;
  const shard = {
    execute: (command: Command) => Promise.resolve(done.push(['shard', command.type])),
  } as unknown as Shard;
  const at = { containerId: 'c', key: 'k' };
  await executeFrom(shard, rows, { type: 'upload.forget', ...at, uploadId: 'u' });
  await executeFrom(shard, rows, { type: 'queue.done', containerId: '', dueAt: 1, id: 'i' });
  expect(done).toEqual([
    ['rows', 'upload.forget'],
    ['shard', 'queue.done'],
  ]);
});
