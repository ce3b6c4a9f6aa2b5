/** Two stores in memory: the near one replicates to the far one. */
import { expect } from 'vitest';
import { StoreError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/log.ts';
import { FeedWorker } from '../../../server/feeds/worker.ts';
import { Replicator } from '../../../server/replication/replicator.ts';
import type { Store } from '../../../server/replication/store-client.ts';
import { WorkerLoop } from '../../../storage/work/worker.ts';
import { memoryFeeds } from '../../memory/feeds.ts';
import { type Answer, type Harness, createHarness } from '../s3/harness.ts';

interface State {
  isDown: boolean;
  /** What it answers to everything. */
  answer?: { readonly status: number; readonly code: string };
}

export interface Pair {
  readonly near: Harness;
  readonly far: Harness;
  /** Requests that the far store was sent. */
  readonly sent: string[];
  readonly state: State;
  /** Replicates what waits. */
  readonly work: () => Promise<void>;
}

export async function versioned(h: Harness, bucket: string): Promise<void> {
  await h.ask('PUT', `/${bucket}`);
  const body = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  await h.ask('PUT', `/${bucket}`, { query: { versioning: '' }, body });
}

interface RuleText {
  readonly filter?: string;
  readonly markers?: 'Enabled' | 'Disabled';
  readonly destination?: string;
  readonly rest?: string;
}

export function rule(id: string, text: RuleText = {}): string {
  const { filter = '<Prefix></Prefix>', markers = 'Enabled', rest = '' } = text;
  const { destination = 'arn:torc:replication::far:copy' } = text;
  return `<Rule><ID>${id}</ID><Priority>${id.length}</Priority><Status>Enabled</Status><Filter>${filter}</Filter><DeleteMarkerReplication><Status>${markers}</Status></DeleteMarkerReplication><Destination><Bucket>${destination}</Bucket></Destination>${rest}</Rule>`;
}

export function configure(h: Harness, ...rules: readonly string[]): Promise<Answer> {
  const body = `<ReplicationConfiguration><Role>arn:aws:iam::1:role/r</Role>${rules.join('')}</ReplicationConfiguration>`;
  return h.ask('PUT', '/box', { query: { replication: '' }, body });
}

export async function pair(maxFeedEvents?: number): Promise<Pair> {
  const far = createHarness();
  const sent: string[] = [];
  const state: State = { isDown: false };
  const store: Store = {
    settings: { name: 'far' },
    send: async (asked) => {
      if (state.isDown) throw new StoreError('unavailable', 'test', 'down');
      if (state.answer !== undefined) {
        const { status, code } = state.answer;
        return { status, header: () => undefined, text: `<Error><Code>${code}</Code></Error>` };
      }
      const { method, bucket, key, query = [], headers = {}, body } = asked;
      const pieces: Uint8Array[] = [];
      if (body !== undefined) for await (const piece of body.chunks) pieces.push(piece);
      const path = key === undefined ? `/${bucket}` : `/${bucket}/${key}`;
      sent.push(`${method} ${path}`);
      const bytes = Buffer.concat(pieces);
      expect(bytes.length).toBe(body?.size ?? 0);
      const answer = await far.ask(method, path, {
        query: Object.fromEntries(query),
        headers,
        body: bytes,
      });
      return {
        status: answer.status,
        header: (name) => answer.headers.get(name),
        text: answer.text,
      };
    },
  };
  const replication = {
    has: (name: string) => name === 'far',
    inspect: async (_name: string, bucket: string) => {
      const answer = await far.ask('GET', `/${bucket}`, { query: { versioning: '' } });
      if (answer.status === 404) return 'missing' as const;
      return answer.text.includes('Enabled') ? ('versioned' as const) : ('unversioned' as const);
    },
  };
  const near = createHarness({
    replication,
    ...(maxFeedEvents === undefined ? {} : { maxFeedEvents }),
  });
  await versioned(near, 'box');
  await versioned(far, 'copy');
  const { core, rows, clock } = near;
  const source = memoryFeeds(rows);
  const consumer = new Replicator({ core, rows, client: store, clock, logger: silentLogger });
  const worker = new FeedWorker({ source, consumer, clock, logger: silentLogger, parallel: 3 });
  const pace = { pauseMillis: 1, idleMillis: 1 };
  const loop = new WorkerLoop(worker, { clock, logger: silentLogger, pace });
  const work = async (): Promise<void> => {
    while (await loop.step());
  };
  return { near, far, sent, state, work };
}

export async function statusOf(h: Harness, path: string): Promise<string | undefined> {
  return (await h.ask('HEAD', path)).headers.get('x-amz-replication-status');
}
