import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import { checkReply } from './send-object.ts';
import { StoreClient, type StoreSettings } from './store-client.ts';

/** All stores of the settings, by name. Nothing is connected until it is used. */
export class ReplicationStores {
  readonly all: readonly StoreClient[];

  constructor(settings: readonly StoreSettings[], clock: Clock) {
    this.all = settings.map((one) => new StoreClient(one, clock));
  }

  has(name: string): boolean {
    return this.all.some((client) => client.settings.name === name);
  }

  /** What a bucket of that store is like now. */
  async inspect(name: string, bucket: string): Promise<'missing' | 'unversioned' | 'versioned'> {
    const client = this.all.find((one) => one.settings.name === name);
    if (client === undefined) {
      throw new StoreError('invalid-argument', 'replication.inspect', 'there is no such store');
    }
    const query = [['versioning', '']] as const;
    const reply = await client.send({ method: 'GET', bucket, query });
    if (reply.status === 404) return 'missing';
    checkReply(reply);
    return /<Status>Enabled<\/Status>/.test(reply.text) ? 'versioned' : 'unversioned';
  }

  close(): void {
    for (const client of this.all) client.close();
  }
}
