import type { DeviceFragmentStore } from '../../storage/device/fragment-store.ts';
import type { Worker } from '../../storage/work/worker.ts';

interface CompactionJob {
  readonly store: DeviceFragmentStore;
  readonly volume: number;
}

/** Rewrites volumes of which little is still live, one at a time over all devices. */
export class CompactionWorker implements Worker<CompactionJob> {
  readonly name = 'compactor';
  readonly #stores: () => readonly DeviceFragmentStore[];

  constructor(stores: () => readonly DeviceFragmentStore[]) {
    this.#stores = stores;
  }

  next(): Promise<CompactionJob | undefined> {
    for (const store of this.#stores()) {
      const volume = store.nextCompaction();
      if (volume !== undefined) return Promise.resolve({ store, volume });
    }
    return Promise.resolve(undefined);
  }

  async run(job: CompactionJob): Promise<void> {
    await job.store.compactVolume(job.volume, () => Promise.resolve());
  }
}
