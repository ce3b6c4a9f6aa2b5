import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe } from 'vitest';
import { NodeDisk } from '../../base/node-disk.ts';
import { SimDisk } from '../sim/disk.ts';
import { diskContract } from './disk-contract.ts';

describe('NodeDisk', () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });
  diskContract(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'torc-disk-'));
    folders.push(folder);
    return new NodeDisk(folder);
  });
});

describe('SimDisk', () => {
  diskContract(async () => new SimDisk());
});
