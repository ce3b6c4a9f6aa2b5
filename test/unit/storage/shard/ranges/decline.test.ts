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
}): Promise<unknown[]> {
  const { bytes = [1, 1, 1, 1], routes = [], shardsPerDeviceMin = 1 } = options;
  const world = await World.open({ shards: 4 });
  const { group, coordinator, clock } = world;
  const settings = { bytesMax: 10, commandsMax: 5, lookMillis: 1000, looks: 3, shardsPerDeviceMin };
  const decline = new Decline({
    ...{ group, coordinator, clock, settings },
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
});
