/** Calls between two machines: order, limits, deadlines, silence, and what a hostile side may not do. */
import { describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from '../../../base/bytes.ts';
import { isStoreError, StoreError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/log.ts';
import type { NetStream, StreamListener } from '../../../base/net.ts';
import {
  type AnsweringLimits,
  AnsweringConnection,
  answeringLimits,
  type Handler,
} from '../../../server/storage-node/wire/answering.ts';
import { AskingConnection } from '../../../server/storage-node/wire/asking.ts';
import {
  encodeFrame,
  type Frame,
  FrameReader,
  frameBytesMax,
  frameTypes,
} from '../../../server/storage-node/wire/frame.ts';
import {
  agree,
  encodeHello,
  encodeWelcome,
  type Hello,
  type Welcome,
} from '../../../server/storage-node/wire/greeting.ts';
import { encodeHead, numberIn } from '../../../server/storage-node/wire/head.ts';
import { methods } from '../../../server/storage-node/wire/methods.ts';
import { SimClock } from '../../sim/clock.ts';
import { SimNet } from '../../sim/cluster/net.ts';
import { SeededRandom } from '../../sim/random.ts';

const hello: Hello = {
  oldest: 1,
  newest: 1,
  cluster: 'c',
  node: 'a',
  to: 'b',
  instance: 'ia',
  toInstance: 'ib',
  lane: 'rows',
  turn: 1,
  release: 'test',
};

interface Pair {
  readonly clock: SimClock;
  readonly net: SimNet;
  readonly asking: AskingConnection;
}

async function pair(
  handlers: Readonly<Record<number, Handler>>,
  limits: Partial<AnsweringLimits> = {},
): Promise<Pair> {
  const clock = new SimClock();
  const net = new SimNet({ clock, random: new SeededRandom(1) });
  const answering = { ...answeringLimits, ...limits };
  await net.host('b').serve({
    host: 'b',
    port: 1,
    protocols: ['torc/1'],
    accept: (stream) => {
      new AnsweringConnection({
        ...{ stream, clock, logger: silentLogger, limits: answering },
        handlers: () => new Map(Object.entries(handlers).map(([key, one]) => [Number(key), one])),
        greet: (given) => ({
          protocol: agree(given),
          node: 'b',
          instance: 'ib',
          windowBytes: answering.windowBytes,
          release: 'test',
        }),
      });
    },
  });
  const asking = await clock.run(open(net, clock, hello));
  return { clock, net, asking };
}

async function dial(net: SimNet): Promise<NetStream> {
  const address = { host: 'b', port: 1, name: 'b', protocol: 'torc/1', timeoutMillis: 1000 };
  return net.host('a').dial(address);
}

async function open(net: SimNet, clock: SimClock, with_: Hello): Promise<AskingConnection> {
  return AskingConnection.open({ stream: await dial(net), clock, hello: with_ }, 1000);
}

const ask = (
  { asking }: Pair,
  head: Record<string, unknown> = {},
  bytes: readonly Uint8Array[] = [],
  timeoutMillis = 5000,
): Promise<{ head: Record<string, unknown>; bytes: Uint8Array }> =>
  asking.call({ method: methods.fragmentHas, head, bytes, timeoutMillis });

const echo: Handler = async ({ head, bytes }) => ({
  head: { ...head, echoed: true },
  bytes: [bytes],
});
const kindOf = (error: unknown): string => (isStoreError(error) ? error.kind : String(error));

describe('a connection between machines', () => {
  it('carries heads and bytes of any size, there and back', async () => {
    const two = await pair({ 4: echo });
    for (const size of [0, 1, 100, 65_536, 1_000_000]) {
      const sent = new SeededRandom(size).bytes(size);
      const third = Math.floor(size / 3);
      const pieces = [sent.subarray(0, third), sent.subarray(third)];
      const reply = await two.clock.run(ask(two, { size, name: 'ü' }, pieces));
      expect(reply.head).toEqual({ size, name: 'ü', echoed: true });
      expect(Buffer.compare(reply.bytes, sent)).toBe(0);
    }
  });

  it('begins calls in the order in which they were made, whatever their size', async () => {
    const begun: number[] = [];
    const two = await pair({
      4: async ({ head }) => {
        begun.push(numberIn(head, 'n'));
        return { head: {} };
      },
    });
    const sizes = [300_000, 1, 70_000, 0, 500_000, 2];
    const calls = sizes.map((size, n) => ask(two, { n }, [new Uint8Array(size)]));
    await two.clock.run(Promise.all(calls));
    expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('hands errors over by kind, op and detail, and hides none', async () => {
    const two = await pair({
      4: () =>
        Promise.reject(
          new StoreError('full', 'x.y', 'no room', { detail: { device: 3, on: true } }),
        ),
    });
    await expect(two.clock.run(ask(two))).rejects.toMatchObject({
      kind: 'full',
      op: 'x.y',
      message: 'no room',
      detail: { device: 3, on: true },
    });
  });

  it('says that a method is not known', async () => {
    const two = await pair({});
    expect(await two.clock.run(ask(two)).catch(kindOf)).toBe('not-implemented');
  });

  it('sends no more than the other side takes at a time, and one that is larger alone', async () => {
    let there = 0;
    let most = 0;
    const clock = new SimClock();
    const slow: Handler = async ({ bytes }) => {
      there += bytes.length;
      most = Math.max(most, there);
      await clock.sleep(10);
      there -= bytes.length;
      return { head: {} };
    };
    const two = await pair({ 4: slow }, { windowBytes: 10_000 });
    const calls = [4000, 4000, 4000, 30_000, 4000].map((size) =>
      ask(two, {}, [new Uint8Array(size)], 60_000),
    );
    const done = Promise.all(calls);
    await Promise.race([done, two.clock.run(done), pump(clock)]);
    expect(most).toBe(30_000);
  });

  it('gives a call up at its deadline, and goes on with the others', async () => {
    const two = await pair({
      4: ({ head }) =>
        head['hang'] === true ? new Promise(() => undefined) : Promise.resolve({ head: {} }),
    });
    const late = ask(two, { hang: true }, [], 700).catch(kindOf);
    expect(await two.clock.run(late)).toBe('unavailable');
    expect(two.clock.monotonic()).toBeLessThan(1500);
    await two.clock.run(ask(two));
  });

  it('ends when the other side falls silent, not when it only takes long', async () => {
    const two = await pair({ 4: () => new Promise(() => undefined) });
    const long = ask(two, {}, [], 20_000).catch((error: unknown) => error);
    await two.clock.advance(10_000);
    expect(two.asking.failure).toBeUndefined();
    two.net.cut('b', 'a');
    const error = await two.clock.run(long);
    expect(kindOf(error)).toBe('unavailable');
    expect(two.clock.monotonic()).toBeLessThan(15_500);
    expect(two.asking.failure?.message).toContain('silent');
  });

  it('fails every call when the connection breaks, and takes no more', async () => {
    const two = await pair({ 4: () => new Promise(() => undefined) });
    const calls = [ask(two), ask(two)].map((call) => call.catch(kindOf));
    await two.clock.advance(5);
    two.net.reset('a', 'b');
    expect(await two.clock.run(Promise.all(calls))).toEqual(['unavailable', 'unavailable']);
    expect(await ask(two).catch(kindOf)).toBe('unavailable');
  });

  it('holds borrowed bytes until they are sent, and ends the connection when they cannot be', async () => {
    const two = await pair({ 4: echo });
    two.net.cut('a', 'b');
    const call = ask(two, {}, [new Uint8Array(1000)], 600).catch(kindOf);
    expect(await two.clock.run(call)).toBe('unavailable');
    expect(two.asking.failure).toBeDefined();
  });

  it('refuses versions that it does not speak, and names that the certificate does not carry', async () => {
    const two = await pair({});
    const other = (changes: Partial<Hello>): Promise<string> =>
      two.clock.run(open(two.net, two.clock, { ...hello, ...changes }).then(() => 'taken', kindOf));
    expect(await other({ oldest: 2, newest: 3 })).toBe('not-implemented');
    expect(await other({ oldest: 0, newest: 7 })).toBe('taken');
    expect(await other({ node: 'c' })).toBe('access-denied');
  });
});

/** Lets a second clock run beside the first. */
async function pump(clock: SimClock): Promise<never> {
  for (;;) await clock.advance(1);
}

it('is no connection when it ends in the turn in which it is greeted', async () => {
  const clock = new SimClock();
  let listener: StreamListener | undefined;
  const stream: NetStream = {
    ...{ peerName: 'b', protocol: 'torc/1', waitingBytes: 0 },
    listen: (given) => {
      listener = given;
    },
    ...{ write() {}, pause() {}, resume() {}, end() {}, destroy() {} },
  };
  const opening = AskingConnection.open({ stream, clock, hello }, 1000);
  const welcome: Welcome = {
    ...{ protocol: 1, node: 'b', instance: 'ib', windowBytes: 1000, release: 'test' },
  };
  const head = encodeWelcome(welcome);
  const { pieces } = encodeFrame({ type: frameTypes.welcome, head });
  listener?.data(new Uint8Array(Buffer.concat(pieces)));
  listener?.closed(new StoreError('unavailable', 'net', 'reset'));
  await expect(clock.run(opening)).rejects.toMatchObject({ kind: 'unavailable', message: 'reset' });
});

describe('a hostile side', () => {
  async function rawPair(): Promise<{ clock: SimClock; stream: NetStream; ended: () => boolean }> {
    const { clock, net } = await pair(
      { 4: echo, 5: () => new Promise(() => undefined) },
      {
        windowBytes: 1000,
      },
    );
    const stream = await clock.run(dial(net));
    let closed = false;
    stream.listen({ data: () => undefined, closed: () => (closed = true) });
    return { clock, stream, ended: () => closed };
  }
  const greeting = encodeFrame({ type: frameTypes.hello, head: encodeHello(hello) }).pieces;
  const request = (call: number, size: number, method = 5): readonly Uint8Array[] =>
    encodeFrame({
      ...{ type: frameTypes.request, method, call, head: encodeHead({}) },
      bytes: [new Uint8Array(size)],
    }).pieces;

  const cases: Readonly<Record<string, readonly (readonly Uint8Array[])[]>> = {
    'asks before it has greeted': [request(1, 1)],
    'greets twice': [greeting, greeting],
    'sends more than the window': [greeting, request(1, 900), request(2, 900)],
    'uses a call number twice': [greeting, request(1, 1), request(1, 1)],
    'sends a frame of an unknown type': [
      greeting,
      [Uint8Array.from({ length: 20 }, (_, i) => (i === 4 ? 99 : 0))],
    ],
    'claims an endless frame': [greeting, [new Uint8Array(20).fill(0xff)]],
    'claims a head longer than the frame': [
      greeting,
      [Uint8Array.from({ length: 20 }, (_, i) => (i === 4 ? 3 : i === 12 ? 9 : 0))],
    ],
    'answers what nobody asked': [
      greeting,
      encodeFrame({ type: frameTypes.answer, call: 4 }).pieces,
    ].map((one) => one),
    'speaks HTTP': [[utf8('GET / HTTP/1.1\r\nHost: torc\r\n\r\n')]],
  };
  for (const [name, frames] of Object.entries(cases)) {
    it(`is cut off when it ${name}`, async () => {
      const { clock, stream, ended } = await rawPair();
      for (const pieces of frames) stream.write(pieces);
      await clock.advance(100);
      expect(ended()).toBe(true);
    });
  }

  it('is cut off when it says nothing', async () => {
    const { clock, ended } = await rawPair();
    await clock.advance(9_900);
    expect(ended()).toBe(false);
    await clock.advance(200);
    expect(ended()).toBe(true);
  });

  it('gets an error for a head that is no JSON object', async () => {
    const two = await pair({ 4: echo });
    const raw = await two.clock.run(dial(two.net));
    const frames: Frame[] = [];
    const reader = new FrameReader(frameBytesMax, (frame) => frames.push(frame));
    raw.listen({ data: (chunk) => reader.push(chunk), closed: () => undefined });
    raw.write(greeting);
    for (const [call, text] of ['{', '[]', '"x"', '7', '{"a":1}'].entries()) {
      raw.write(
        encodeFrame({ type: frameTypes.request, method: 4, call, head: utf8(text) }).pieces,
      );
    }
    await two.clock.advance(100);
    expect(frames.map(({ type }) => type)).toEqual([2, 5, 5, 5, 5, 4]);
    expect(fromUtf8(frames[1]?.head ?? utf8(''))).toContain('invalid-argument');
  });
});
