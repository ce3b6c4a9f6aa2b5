/** A disk whose chosen syncs do nothing and claim success: the mutation that crash tests must notice. */
import type { Disk, DiskFile } from '../../base/disk.ts';

export interface SyncCall {
  /** What was to be made durable: a file's content, or a folder's names. */
  readonly kind: 'file' | 'folder';
  readonly path: string;
}

export function dropSyncs(disk: Disk, dropped: (call: SyncCall) => boolean): Disk {
  const wrap = (path: string, file: DiskFile): DiskFile => ({
    read: (position, into) => file.read(position, into),
    readSync: (position, into) => file.readSync(position, into),
    write: (position, pieces) => file.write(position, pieces),
    writeDurably: async (position, pieces) => {
      if (dropped({ kind: 'file', path })) await file.write(position, pieces);
      else await file.writeDurably(position, pieces);
    },
    sync: async () => {
      if (!dropped({ kind: 'file', path })) await file.sync();
    },
    truncate: (size) => file.truncate(size),
    size: () => file.size(),
    close: () => file.close(),
  });
  return {
    open: async (path) => {
      const file = await disk.open(path);
      return file === undefined ? undefined : wrap(path, file);
    },
    create: async (path) => wrap(path, await disk.create(path)),
    readAll: (path) => disk.readAll(path),
    list: (path) => disk.list(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: async (path) => {
      if (!dropped({ kind: 'folder', path })) await disk.syncDirectory(path);
    },
    space: () => disk.space(),
  };
}
