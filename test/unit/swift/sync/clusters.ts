/** Two Swift doors over the real core in memory, each of which may send to the other. */
import { createHmac } from 'node:crypto';
import { expect } from 'vitest';
import { StoreError } from '../../../../base/errors.ts';
import { silentLogger } from '../../../../base/log.ts';
import type { SendToCluster } from '../../../../server/container-sync/cluster-client.ts';
import { syncWorkers } from '../../../../server/container-sync/open-sync.ts';
import type { SyncSettings } from '../../../../server/swift/sync/realms.ts';
import { WorkerLoop } from '../../../../storage/work/worker.ts';
import { memoryFeeds } from '../../../memory/feeds.ts';
import { seededRandom } from '../../../memory/ports.ts';
import { createHarness, type Harness } from '../harness.ts';

const realm = {
  name: 'US',
  key: 'realm-key',
  key2: 'older-realm-key',
  clusters: [
    { name: 'NEAR', endpoint: 'http://near.test/v1/' },
    { name: 'FAR', endpoint: 'http://far.test/v1/' },
  ],
};
const sync: SyncSettings = {
  realms: [realm],
  allowedHosts: ['far.test'],
  current: { realm: 'US', cluster: 'NEAR' },
};

export const near = '/v1/AUTH_test/near';
export const far = '/v1/AUTH_test/far';
export const toFar = {
  'X-Container-Sync-To': '//us/far/AUTH_test/far',
  'X-Container-Sync-Key': 'secret',
};

export interface Side extends Harness {
  /** Sends what waits. */
  readonly work: () => Promise<void>;
  /** Requests that it sent. */
  readonly sent: string[];
}

async function side(other: () => Harness, state: { isDown: boolean }): Promise<Side> {
  const harness = await createHarness({ settings: { sync } });
  const { core, rows, clock } = harness;
  const sent: string[] = [];
  const send: SendToCluster = async ({ method, path, query, headers, body }) => {
    if (state.isDown) throw new StoreError('unavailable', 'test', 'down');
    const pieces: Uint8Array[] = [];
    if (body !== undefined) for await (const piece of body.chunks) pieces.push(piece);
    sent.push(`${method} ${path}`);
    const bytes = Buffer.concat(pieces);
    expect(bytes.length).toBe(body?.size ?? 0);
    const answer = await other().ask(method, `${path}${query}`, {
      token: '',
      headers,
      body: bytes,
    });
    const { status, text } = answer;
    return { status, text, header: (name) => answer.headers.get(name) };
  };
  const random = seededRandom('sync');
  const parts = { core, rows, send, settings: sync, random, logger: silentLogger };
  const pace = { pauseMillis: 1, idleMillis: 1 };
  const workers = syncWorkers({ ...parts, source: memoryFeeds(rows), clock });
  const loops = workers.map((one) => new WorkerLoop(one, { clock, logger: silentLogger, pace }));
  const work = async (): Promise<void> => {
    for (const loop of loops) while (await loop.step());
  };
  return { ...harness, work, sent };
}

/** Two clusters; time is the same in both. */
export async function pair(): Promise<{
  readonly one: Side;
  readonly two: Side;
  readonly state: { isDown: boolean };
}> {
  const state = { isDown: false };
  const sides: Side[] = [];
  const at = (index: number): Side => {
    const found = sides[index];
    if (found === undefined) throw new Error('not made yet');
    return found;
  };
  const one = await side(() => at(1), state);
  const two = await side(() => at(0), state);
  sides.push(one, two);
  await one.ask('PUT', near);
  await two.ask('PUT', far, { headers: { 'X-Container-Sync-Key': 'secret' } });
  return { one, two, state };
}

/** Names and contents. */
export async function contents(
  harness: Harness,
  container: string,
): Promise<Record<string, string>> {
  const { text } = await harness.ask('GET', container);
  const names = text.split('\n').filter((name) => name !== '');
  const found: Record<string, string> = {};
  for (const name of names) {
    found[name] = (await harness.ask('GET', `${container}/${encodeURIComponent(name)}`)).text;
  }
  return found;
}

/** Headers of a request that another cluster signs with this key of the realm. */
export function signed(
  key: string,
  method: string,
  path: string,
  how: { readonly stamp: string; readonly containerKey?: string },
): Record<string, string> {
  const { stamp, containerKey = 'secret' } = how;
  const text = `${method}\n${path}\n${stamp}\nnonce\n${containerKey}`;
  const signature = createHmac('sha1', key).update(text).digest('hex');
  return { 'X-Container-Sync-Auth': `us nonce ${signature}`, 'X-Timestamp': stamp };
}
