/**
 * Device folders that can fill up and die: each a file system of its own in an image, where they may be mounted.
 * Elsewhere they are folders: they cannot be filled, and a dead one is one that is gone.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const shutdownProgram = `
import fcntl, os, struct, sys
# EXT4_IOC_SHUTDOWN, without writing anything out: from now on every call fails with EIO.
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack("I", 2))
`;

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

export class DeviceDisks {
  readonly #folder: string;
  readonly #bytes: number;
  readonly #mounted = new Map<string, string>();
  #count = 0;
  /** Undefined until the first was made. */
  #canMount: boolean | undefined;

  /** `folder` takes the images, which are sparse. */
  constructor(folder: string, bytes: number) {
    this.#folder = folder;
    this.#bytes = bytes;
  }

  /** Whether they are file systems. */
  get areReal(): boolean {
    return this.#canMount === true;
  }

  /** An empty device folder at `path`. */
  make(path: string): void {
    mkdirSync(path, { recursive: true });
    if (this.#canMount === false) return;
    const image = join(this.#folder, `disk-${this.#count++}.img`);
    try {
      writeFileSync(image, '');
      truncateSync(image, this.#bytes);
      run('mkfs.ext4', '-q', '-F', '-m', '0', '-E', 'lazy_itable_init=1', image);
      run('mount', '-o', 'loop', image, path);
      // Of the file system's own, and no device's.
      rmSync(join(path, 'lost+found'), { recursive: true });
      this.#mounted.set(path, image);
      this.#canMount = true;
    } catch (error) {
      rmSync(image, { force: true });
      if (this.#canMount === true) throw error;
      this.#canMount = false;
      process.stdout.write(`nothing can be mounted, so no disk fills up: ${String(error)}\n`);
    }
  }

  /** Takes all its room; returns what gives it back. */
  fill(path: string): () => void {
    if (!this.areReal) return () => undefined;
    const filler = join(path, 'filler');
    const { bavail, bsize } = statfsSync(path);
    try {
      run('fallocate', '-l', String(Math.max(1, bavail) * bsize), filler);
    } catch {
      // The file's own map takes some of it: then the disk is full before.
    }
    return () => rmSync(filler, { force: true });
  }

  /** From now on every call to it fails. */
  die(path: string): void {
    if (this.areReal) run('python3', '-c', shutdownProgram, path);
    else rmSync(path, { recursive: true, force: true });
  }

  /** An empty one in its place; nobody may have files of the old one open. */
  renew(path: string): void {
    this.#unmount(path);
    this.make(path);
  }

  #unmount(path: string): void {
    const image = this.#mounted.get(path);
    if (image === undefined) return;
    run('umount', '-l', path);
    rmSync(image, { force: true });
    this.#mounted.delete(path);
  }

  close(): void {
    for (const path of [...this.#mounted.keys()]) this.#unmount(path);
  }
}
