import { Command } from 'commander';
import { addRing } from './verbs/add-ring.ts';
import { addCluster } from './verbs/cluster.ts';
import { addDevice, addFsck } from './verbs/device.ts';
import { addKeys } from './verbs/keys.ts';
import { addReplication } from './verbs/replication.ts';
import { addServe } from './verbs/serve.ts';
import { addShard } from './verbs/shard.ts';
import { addRedundancy, addStatus } from './verbs/status.ts';

/** All verbs of `torc`. */
export function createProgram(): Command {
  const program = new Command('torc')
    .description('An object store with two doors, S3 and Swift, over erasure-coded rings')
    .version('0.1.0')
    .showHelpAfterError();
  addServe(program);
  addStatus(program);
  addRedundancy(program);
  addRing(program);
  addDevice(program);
  addFsck(program);
  addShard(program);
  addReplication(program);
  addKeys(program);
  addCluster(program);
  return program;
}
