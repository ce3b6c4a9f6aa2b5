import { constants, readSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { DirectFile } from './direct-file.ts';
import type { Disk, DiskFile } from './disk.ts';
import { StoreError } from './errors.ts';

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function diskError(error: unknown, op: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const kind =
    code === 'ENOSPC' || code === 'EDQUOT' ? 'full' : code === 'EIO' ? 'corrupt' : 'internal';
  return new StoreError(kind, op, `${op} failed: ${code || String(error)}`, { cause: error });
}

/** The real file system below one folder. */
export class NodeDisk implements Disk {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  #path(path: string): string {
    return path === '' ? this.#root : join(this.#root, path);
  }

  async open(path: string): Promise<DiskFile | undefined> {
    try {
      return new NodeDiskFile(await fs.open(this.#path(path), constants.O_RDWR), this.#path(path));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw diskError(error, 'disk.open');
    }
  }

  async create(path: string): Promise<DiskFile> {
    try {
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
      return new NodeDiskFile(await fs.open(this.#path(path), flags, 0o600), this.#path(path));
    } catch (error) {
      if (codeOf(error) === 'EEXIST') {
        throw new StoreError('conflict', 'disk.create', `the file exists: ${path}`);
      }
      throw diskError(error, 'disk.create');
    }
  }

  async readAll(path: string): Promise<Uint8Array | undefined> {
    try {
      return await fs.readFile(this.#path(path));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw diskError(error, 'disk.readAll');
    }
  }

  async list(path: string): Promise<readonly string[]> {
    try {
      return (await fs.readdir(this.#path(path))).sort();
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw diskError(error, 'disk.list');
    }
  }

  async makeDirectory(path: string): Promise<void> {
    await fs.mkdir(this.#path(path), { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw diskError(error, 'disk.makeDirectory');
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await fs.rename(this.#path(from), this.#path(to)).catch((error: unknown) => {
      throw diskError(error, 'disk.rename');
    });
  }

  async remove(path: string): Promise<void> {
    await fs.rm(this.#path(path), { force: true }).catch((error: unknown) => {
      throw diskError(error, 'disk.remove');
    });
  }

  async syncDirectory(path: string): Promise<void> {
    try {
      const folder = await fs.open(this.#path(path), constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    } catch (error) {
      throw diskError(error, 'disk.syncDirectory');
    }
  }

  async space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    try {
      const stats = await fs.statfs(this.#root);
      return { freeBytes: stats.bavail * stats.bsize, totalBytes: stats.blocks * stats.bsize };
    } catch (error) {
      throw diskError(error, 'disk.space');
    }
  }
}

class NodeDiskFile implements DiskFile {
  readonly #handle: fs.FileHandle;
  /** For large writes from memory that lies well. */
  readonly #direct: DirectFile;
  readonly #path: string;
  /** Opened so that a write returns when it is durable (O_DSYNC). */
  #through: Promise<fs.FileHandle> | undefined;
  #closed = false;

  constructor(handle: fs.FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
    this.#direct = new DirectFile(path);
  }

  async read(position: number, into: Uint8Array): Promise<number> {
    let filled = 0;
    try {
      while (filled < into.length) {
        const { bytesRead } = await this.#handle.read(
          into,
          filled,
          into.length - filled,
          position + filled,
        );
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
    } catch (error) {
      throw diskError(error, 'disk.read');
    }
    return filled;
  }

  readSync(position: number, into: Uint8Array): number {
    try {
      let filled = 0;
      while (filled < into.length) {
        const left = into.length - filled;
        const count = readSync(this.#handle.fd, into, filled, left, position + filled);
        if (count === 0) break;
        filled += count;
      }
      return filled;
    } catch (error) {
      throw diskError(error, 'disk.read');
    }
  }

  async write(position: number, pieces: readonly Uint8Array[]): Promise<void> {
    const expected = pieces.reduce((sum, piece) => sum + piece.length, 0);
    try {
      if (await this.#direct.write(position, pieces)) return;
      const { bytesWritten } = await this.#handle.writev(pieces, position);
      if (bytesWritten !== expected) await this.#writeRest(position, pieces, bytesWritten);
    } catch (error) {
      throw diskError(error, 'disk.write');
    }
  }

  async writeDurably(position: number, pieces: readonly Uint8Array[]): Promise<void> {
    const expected = pieces.reduce((sum, piece) => sum + piece.length, 0);
    try {
      // The path would open it anew.
      if (this.#closed) throw new StoreError('internal', 'disk.writeDurably', 'the file is closed');
      this.#through ??= fs.open(this.#path, constants.O_WRONLY | constants.O_DSYNC);
      const { bytesWritten } = await (await this.#through).writev(pieces, position);
      if (bytesWritten === expected) return;
      await this.#writeRest(position, pieces, bytesWritten);
      await this.#handle.datasync();
    } catch (error) {
      throw diskError(error, 'disk.writeDurably');
    }
  }

  /** A short writev (a signal, a nearly full disk): write what is left piece by piece. */
  async #writeRest(
    position: number,
    pieces: readonly Uint8Array[],
    written: number,
  ): Promise<void> {
    let offset = 0;
    for (const piece of pieces) {
      let from = Math.max(0, written - offset);
      while (from < piece.length) {
        const { bytesWritten } = await this.#handle.write(
          piece,
          from,
          piece.length - from,
          position + offset + from,
        );
        from += bytesWritten;
      }
      offset += piece.length;
    }
  }

  async sync(): Promise<void> {
    await this.#handle.datasync().catch((error: unknown) => {
      throw diskError(error, 'disk.sync');
    });
  }

  async truncate(size: number): Promise<void> {
    await this.#handle.truncate(size).catch((error: unknown) => {
      throw diskError(error, 'disk.truncate');
    });
  }

  async size(): Promise<number> {
    try {
      return (await this.#handle.stat()).size;
    } catch (error) {
      throw diskError(error, 'disk.size');
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    try {
      const through = await this.#through;
      await Promise.all([this.#handle.close(), this.#direct.close(), through?.close()]);
    } catch (error) {
      throw diskError(error, 'disk.close');
    }
  }
}
