/** Fragments, replicas and shards of another machine answer as those of this one do. */
import { describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from '../../../base/bytes.ts';
import { isStoreError, StoreError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/log.ts';
import { deviceId, epoch, fragmentIndex, sequence, shardId } from '../../../base/units.ts';
import { fragmentHandlers } from '../../../server/storage-node/handlers/fragments.ts';
import { replicaHandlers } from '../../../server/storage-node/handlers/replicas.ts';
import { shardHandlers } from '../../../server/storage-node/handlers/shards.ts';
import type { Asker } from '../../../server/storage-node/remote/ask.ts';
import { RemoteFragments } from '../../../server/storage-node/remote/fragments.ts';
import { RemoteReplica } from '../../../server/storage-node/remote/replica.ts';
import { RemoteShard } from '../../../server/storage-node/remote/shard.ts';
import {
  AnsweringConnection,
  answeringLimits,
  type Handlers,
} from '../../../server/storage-node/wire/answering.ts';
import { AskingConnection } from '../../../server/storage-node/wire/asking.ts';
import type { Hello } from '../../../server/storage-node/wire/greeting.ts';
import type { ListPage, ListQuery, Row, Shard } from '../../../storage/shard/shard.ts';
import { SimClock } from '../../sim/clock.ts';
import { SimNet } from '../../sim/cluster/net.ts';
import { SimDisk } from '../../sim/disk.ts';
import { SeededRandom } from '../../sim/random.ts';
import { bytesOf, fragment, memoryIndex, openStore } from '../storage/device/device-fixture.ts';
import { firstRoute, keyOf, region, World } from '../storage/shard/world.ts';

const kindOf = (error: unknown): string => (isStoreError(error) ? error.kind : String(error));

/** What asks these handlers over a simulated connection; the clock runs by itself. */
async function askerOf(handlers: Handlers): Promise<{ asker: Asker; stop: () => void }> {
  const clock = new SimClock();
  const net = new SimNet({ clock, random: new SeededRandom(1) });
  let stopped = false;
  void (async () => {
    while (!stopped) await clock.advance(1);
  })();
  await net.host('b').serve({
    ...{ host: 'b', port: 1, protocols: ['p'] },
    accept: (stream) => {
      new AnsweringConnection({
        ...{ stream, clock, logger: silentLogger, handlers: () => handlers },
        greet: () => ({
          ...{ protocol: 1, node: 'b', instance: 'i', release: 'r' },
          windowBytes: answeringLimits.windowBytes,
        }),
      });
    },
  });
  const stream = await net
    .host('a')
    .dial({ host: 'b', port: 1, name: 'b', protocol: 'p', timeoutMillis: 100 });
  const hello: Hello = {
    ...{ oldest: 1, newest: 1, cluster: 'c', node: 'a', to: 'b', instance: 'i' },
    ...{ toInstance: 'j', lane: 'bytes', turn: 1, release: 'r' },
  };
  const connection = await AskingConnection.open({ stream, clock, hello }, 1000);
  return {
    asker: { ask: (call) => connection.call(call) },
    stop: () => {
      stopped = true;
    },
  };
}

describe('fragments of another machine', () => {
  it('are written, found, read in ranges, walked and removed', async () => {
    const store = await openStore(new SimDisk(), memoryIndex());
    const { asker, stop } = await askerOf(
      fragmentHandlers((id) => {
        if (id === 7) return store;
        throw new StoreError('unavailable', 'test', 'no such device');
      }),
    );
    const remote = new RemoteFragments(asker, deviceId(7));
    const [a, b] = [fragment(1, 100_000), fragment(2, 70_000)];
    await remote.append([a, b]);
    await remote.commit();
    const [ida, idb] = [a.header, b.header];
    const missing = { ...ida, stripe: 9 };
    expect(await remote.has([ida, missing, idb])).toEqual([true, false, true]);
    const whole = await remote.read(ida);
    expect(whole?.header).toEqual(a.header);
    expect(Buffer.compare(whole?.bytes ?? utf8(''), bytesOf(1, 100_000))).toBe(0);
    const range = await remote.read(idb, { offset: 65_000, length: 2000 });
    expect(Buffer.compare(range?.bytes ?? utf8(''), b.unit.subarray(65_000, 67_000))).toBe(0);
    expect((await remote.read(ida, { offset: 0, length: 0 }))?.bytes).toHaveLength(0);
    expect(await remote.read(missing)).toBeUndefined();
    expect(await remote.read(ida, { offset: 99_999, length: 9 }).catch(kindOf)).toBe(
      'invalid-argument',
    );
    const walked = await remote.scan(undefined, 1);
    expect([...walked, ...(await remote.scan(walked[0], 9))]).toEqual(
      await store.scan(undefined, 9),
    );
    expect(await remote.remove(ida.objectId)).toBe(1);
    await remote.removeOne({ ...idb, index: fragmentIndex(idb.index) });
    expect(await store.scan(undefined, 9)).toEqual([]);
    const elsewhere = new RemoteFragments(asker, deviceId(8));
    expect(await elsewhere.commit().catch(kindOf)).toBe('unavailable');
    const odd = { header: { ...a.header, unitLength: 5 }, unit: a.unit };
    expect(await remote.append([odd]).catch(kindOf)).toBe('invalid-argument');
    stop();
  });
});

describe('a shard of another machine', () => {
  it('executes, reads, scans and lists as it does there', async () => {
    const world = await World.open();
    const local = world.group.route(firstRoute);
    const { asker, stop } = await askerOf(shardHandlers(() => world.group.find(shardId(1))));
    const remote = new RemoteShard(asker, shardId(1));
    void (async () => {
      for (let i = 0; i < 3000; i++) await world.clock.advance(1);
    })();
    for (const name of ['a', 'b/1', 'b/2', 'c']) {
      const put = { type: 'put', name, text: `text of ${name}`, body: `body of ${name}` };
      expect(await remote.execute(put)).toMatchObject({ epoch: 2 });
    }
    const swap = { type: 'swap', name: 'a', expected: 'x', text: 'y' };
    expect(await remote.execute(swap).catch(kindOf)).toBe('precondition-failed');
    expect(plain(await remote.get(keyOf('a')))).toEqual(plain(await local.get(keyOf('a'))));
    expect(await remote.get(keyOf('z'))).toBeUndefined();
    const found = await remote.getWithBody(keyOf('c'));
    expect(fromUtf8(found?.body ?? utf8(''))).toBe('body of c');
    for (const range of [
      { gte: new Uint8Array(0), lt: Uint8Array.of(0xff), limit: 3 },
      { gte: keyOf('b/1'), lt: Uint8Array.of(0xff), limit: 10, reverse: true },
    ]) {
      expect((await remote.scan(range)).map(plain)).toEqual((await local.scan(range)).map(plain));
    }
    const query: ListQuery = {
      ...{ region, prefix: utf8(''), delimiter: utf8('/'), after: undefined, before: undefined },
      ...{ reverse: false, limit: 10 },
    };
    for (const one of [query, { ...query, limit: 2 }, { ...query, after: utf8('a') }]) {
      expect(plainPage(await remote.list(one))).toEqual(plainPage(await local.list(one)));
    }
    stop();
  });

  it('hands over pages that are larger than a message, piece by piece', async () => {
    const rows: Row[] = Array.from({ length: 40 }, (_, place) => ({
      ...{ key: utf8(`k${String(place).padStart(3, '0')}`), bodyLength: undefined },
      meta: new Uint8Array(500_000),
    }));
    const shard: Shard = {
      id: shardId(1),
      execute: (command) => Promise.resolve(command),
      get: () => Promise.resolve(undefined),
      getWithBody: () => Promise.resolve(undefined),
      scan: ({ gte, lt, limit, reverse }) => {
        const inside = rows.filter(
          ({ key }) => Buffer.compare(key, gte) >= 0 && Buffer.compare(key, lt) < 0,
        );
        return Promise.resolve((reverse === true ? inside.toReversed() : inside).slice(0, limit));
      },
      list: () => Promise.reject(new StoreError('unavailable', 'test', 'no')),
    };
    const { asker, stop } = await askerOf(shardHandlers(() => shard));
    const remote = new RemoteShard(asker, shardId(1));
    const all = { gte: utf8('k'), lt: utf8('l'), limit: 35 };
    expect((await remote.scan(all)).map(({ key }) => fromUtf8(key))).toEqual(
      rows.slice(0, 35).map(({ key }) => fromUtf8(key)),
    );
    const back = await remote.scan({ ...all, limit: 100, reverse: true });
    expect(back.map(({ key }) => fromUtf8(key))).toEqual(
      rows.toReversed().map(({ key }) => fromUtf8(key)),
    );
    for (const value of [null, undefined, 7, 'x', [1], { a: 1, b: utf8('bytes') }]) {
      expect(await remote.execute(value)).toEqual(value);
    }
    stop();
  });
});

function plain(row: Row | undefined): unknown {
  return (
    row && {
      ...row,
      key: fromUtf8(row.key),
      meta: fromUtf8(row.meta),
      body: undefined,
      sequence: undefined,
    }
  );
}

function plainPage(page: ListPage): unknown {
  const items = page.items.map((item) =>
    item.type === 'group'
      ? fromUtf8(item.name)
      : [fromUtf8(item.name), fromUtf8(item.suffix), plain(item.row)],
  );
  return { items, truncated: page.truncated };
}

describe('a replica of another machine', () => {
  it('takes the calls of a primary', async () => {
    const world = await World.open({ devices: 4, replicas: 3 });
    const run = <Result>(work: Promise<Result>): Promise<Result> => world.clock.run(work);
    await run(
      world.execute({ type: 'put', name: 'a', text: '1', body: 'body' }) as Promise<unknown>,
    );
    const spare = world.devices.find((device) => !device.replicas.has(shardId(1)));
    const primary = world.group.find(shardId(1))?.primary;
    if (spare === undefined || primary === undefined) throw new Error('no spare device');
    const { asker, stop } = await askerOf(replicaHandlers(() => spare));
    const remote = new RemoteReplica(asker, spare.id, shardId(1));
    const pump = setInterval(() => void world.clock.advance(1), 1);
    try {
      expect(await remote.status()).toMatchObject({ condition: 'absent', sequence: 0 });
      await remote.reset(epoch(2));
      const key = keyOf('a');
      const row = primary.local.get(key);
      const copied = { key, meta: utf8('1'), sequence: sequence(1), body: utf8('body') };
      await remote.copy(epoch(2), [{ ...copied, lost: undefined }]);
      await remote.level(epoch(2), sequence(1), [{ epoch: epoch(2), start: sequence(1) }]);
      expect(await remote.status(epoch(3))).toMatchObject({
        ...{ condition: 'ready', epoch: 3, sequence: 1 },
        history: [{ epoch: 2, start: 1 }],
      });
      expect(await remote.missing(10)).toEqual([]);
      if (row?.body === undefined) throw new Error('no row');
      expect(fromUtf8((await remote.readBody(key, row.body)) ?? utf8(''))).toBe('body');
      expect(await remote.readBody(keyOf('b'), row.body)).toBeUndefined();
      expect(await remote.status(epoch(2)).catch(kindOf)).toBe('stale-epoch');
      expect(await remote.reset(epoch(2)).catch(kindOf)).toBe('stale-epoch');
      expect(await remote.remove(epoch(2)).catch(kindOf)).toBe('stale-epoch');
      const commits = (await primary.local.commitsAfter(sequence(0))) ?? [];
      expect(await remote.append({ epoch: epoch(2), commits }).catch(kindOf)).toBe('stale-epoch');
      expect(await remote.append({ epoch: epoch(3), commits }).catch(kindOf)).toBe('conflict');
      await remote.reset(epoch(3));
      await remote.append({ epoch: epoch(3), commits });
      await remote.begin(epoch(4), sequence(2));
      expect(await remote.status()).toMatchObject({ condition: 'learning', epoch: 4, sequence: 1 });
      await remote.remove(epoch(4));
      expect(await remote.status()).toMatchObject({ condition: 'absent' });
    } finally {
      clearInterval(pump);
      stop();
    }
  });
});
