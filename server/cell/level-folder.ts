/** Real device folders: files on a file system, the index in LevelDB beside them. */
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Level } from 'level';
import { NodeDisk } from '../../base/node-disk.ts';
import { StoreError } from '../../base/errors.ts';
import type { DeviceFolder, IndexLevel } from './open-device.ts';

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'cause' in error && error.cause instanceof Error
    ? (error.cause as Error & { code?: unknown }).code
    : undefined;
}

async function openLevel(path: string): Promise<Level<Uint8Array, Uint8Array>> {
  const level = new Level<Uint8Array, Uint8Array>(path, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    cacheSize: 32 * 1024 * 1024,
    writeBufferSize: 16 * 1024 * 1024,
  });
  try {
    await level.open();
    return level;
  } catch (error) {
    if (codeOf(error) === 'LEVEL_LOCKED') {
      throw new StoreError('conflict', 'level.open', `another process uses ${dirname(path)}`, {
        cause: error,
      });
    }
    throw new StoreError('corrupt', 'level.open', `the index at ${path} cannot be opened`, {
      cause: error,
    });
  }
}

export class LevelFolder implements DeviceFolder {
  readonly path: string;
  readonly disk: NodeDisk;

  /** `path` is absolute. */
  constructor(path: string) {
    this.path = path;
    this.disk = new NodeDisk(path);
  }

  async openIndex(): Promise<IndexLevel> {
    return openLevel(join(this.path, 'index'));
  }

  async destroyIndex(): Promise<void> {
    await rm(join(this.path, 'index'), { recursive: true, force: true });
  }

  async makeFolder(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    await new NodeDisk(dirname(this.path)).syncDirectory('');
    await new NodeDisk(dirname(dirname(this.path))).syncDirectory('');
  }
}

/** Takes the data folder for this process: LevelDB's file lock, which a kill -9 cannot leave behind. Throws `conflict`. */
export async function lockFolder(path: string): Promise<() => Promise<void>> {
  const level = await openLevel(join(path, 'lock'));
  return () => level.close();
}
