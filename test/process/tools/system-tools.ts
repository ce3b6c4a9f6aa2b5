/**
 * Commands that no registry of Node or Python has from their makers, and the tests that are about them.
 * `.ci/run` installs them all and leaves nothing out; elsewhere `npm test` names what it leaves out.
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** By file. */
const systemTools: Readonly<Record<string, readonly string[]>> = {
  'test/clients/encryption/tools.test.ts': ['rclone'],
  'test/clients/feeds/brokers.test.ts': ['redis-server', 'nats-server'],
  'test/clients/rclone.test.ts': ['rclone'],
  'test/clients/tools/restic.test.ts': ['restic'],
  'test/clients/tools/s3cmd.test.ts': ['s3cmd'],
  'test/clients/tools/s3fs.test.ts': ['s3fs'],
  'test/cluster/faults.test.ts': ['etcd'],
  'test/cluster/import.test.ts': ['etcd'],
  'test/contract/etcd-coordinator.test.ts': ['etcd'],
  'test/upgrade/rolling.test.ts': ['etcd'],
};

function isThere(command: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, command)));
}

/** Files whose commands are not all on this machine, with those that are not. */
export function filesWithoutTools(): ReadonlyMap<string, readonly string[]> {
  const entries = Object.entries(systemTools).map(
    ([file, commands]) => [file, commands.filter((one) => !isThere(one))] as const,
  );
  return new Map(entries.filter(([, missing]) => missing.length > 0));
}
