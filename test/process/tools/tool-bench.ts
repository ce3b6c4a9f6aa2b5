/** What the tests of a tool stand on: a server, and a folder with a tree of files to copy, for as long as the file's tests run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { ServerProcess } from '../server.ts';
import { writeTree } from './file-tree.ts';

export interface ToolBench {
  readonly server: ServerProcess;
  readonly folder: string;
  /** The tree, in the folder. */
  readonly source: string;
}

/** To be called at the top of the file. `install`: brings the tool, where the tests do that. */
export function toolBench(tool: string, install: () => void = () => undefined): ToolBench {
  const server = new ServerProcess();
  const folder = mkdtempSync(join(tmpdir(), `torc-${tool}-`));
  const source = join(folder, 'source');
  beforeAll(async () => {
    install();
    writeTree(source);
    await server.start();
  }, 300_000);
  afterAll(async () => {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  return { server, folder, source };
}
