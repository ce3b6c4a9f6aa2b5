import { describe, expect, it } from 'vitest';
import { toHex } from '../../../../../base/bytes.ts';
import { Decline } from '../../../../../storage/shard/ranges/decline.ts';
import { World } from '../world.ts';

const id = (byte: string): string => byte.repeat(16);

/** What is found at each of four looks at four shards, each with so many bytes, and commands about these routes between looks. */
async function looksOf(options: {
  readonly bytes?: readonly number[];
  readonly routes?: readonly string[];
  readonly shardsPerDeviceMin?: number;
  /** Shards that another machine serves. */
  readonly elsewhere?: readonly number[];
}): Promise<unknown[]> {
  const { bytes = [1, 1, 1, 1], routes = [], shardsPerDeviceMin = 1, elsewhere = [] } = options;
  const world = await World.open({ shards: 4 });
  const { group, coordinator, clock } = world;
  const bounds = { bytesMax: 10, commandsMax: 5, tinyShare: 0.2, shardsPerDeviceMin };
  const here = {
    served: () => group.served().filter((shard) => !elsewhere.includes(shard.id)),
  };
  const decline = new Decline({
    ...{ group: here, coordinator, clock, settings: { ...bounds, lookMillis: 1000, looks: 3 } },
    sizeOf: async (_index, { gte }) => bytes[Number.parseInt(toHex(gte).slice(8, 10), 16) - 1],
  });
  const found: unknown[] = [];
  for (let look = 0; look < 4; look++) {
    for (const route of routes) {
      await clock.run(world.execute({ type: 'put', name: 'n', text: 'x' }, route));
    }
    expect(await decline.next()).toBeUndefined();
    await clock.advance(1000);
    found.push(await decline.next());
  }
  return found;
}

describe('two neighbours that are small together', () => {
  it('are merged when several looks in a row find them so', async () => {
    const first = { shard: 2 };
    expect(await looksOf({})).toEqual([undefined, undefined, first, first]);
    const third = { shard: 3 };
    expect((await looksOf({ bytes: [8, 4, 4, 8] })).at(-1)).toEqual(third);
  });

  it('stay as they are when they are large or busy together, or when there are few shards', async () => {
    const none = [undefined, undefined, undefined, undefined];
    expect(await looksOf({ bytes: [6, 6, 6, 6] })).toEqual(none);
    expect(await looksOf({ bytes: [] })).toEqual(none);
    const busy = ['00', '80'].flatMap((byte) => Array.from({ length: 6 }, () => id(byte)));
    expect(await looksOf({ routes: busy })).toEqual(none);
    expect(await looksOf({ shardsPerDeviceMin: 2 })).toEqual(none);
  });

  it('one goes to another machine only when it is tiny: nobody knows there what it would bring', async () => {
    const elsewhere = [1, 3];
    const second = { shard: 2 };
    expect((await looksOf({ elsewhere, bytes: [9, 2, 9, 3] })).at(-1)).toEqual(second);
    expect((await looksOf({ elsewhere, bytes: [1, 3, 1, 3] })).at(-1)).toBeUndefined();
    const busy = [id('40'), id('40'), id('c0'), id('c0')];
    expect((await looksOf({ elsewhere, routes: busy })).at(-1)).toBeUndefined();
    // What is served elsewhere is that machine's to give.
    expect((await looksOf({ elsewhere: [1, 2, 3, 4] })).at(-1)).toBeUndefined();
  });
});
