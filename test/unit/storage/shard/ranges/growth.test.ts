import { describe, expect, it } from 'vitest';
import { toHex } from '../../../../../base/bytes.ts';
import { shardId } from '../../../../../base/units.ts';
import { Growth, middleOf, mostOf } from '../../../../../storage/shard/ranges/growth.ts';
import { World } from '../world.ts';

const id = (byte: string): string => byte.repeat(16);
const all = { start: id('00'), end: undefined };

describe('a shard that has too much to do', () => {
  it('is split where half of the commands lie on either side', () => {
    const ids = Array.from({ length: 100 }, (_, place) => id((place + 16).toString(16)));
    expect(middleOf(ids, all)).toBe(id((66).toString(16)));
    expect(middleOf([...ids.map(() => id('20')), id('30')], all)).toBe(id('30'));
    expect(middleOf([id('10'), ...ids.map(() => id('20'))], all)).toBe(id('20'));
  });

  it('is not split when it is one container that does it, or where it would begin', () => {
    expect(middleOf([], all)).toBeUndefined();
    expect(middleOf([id('20'), id('20')], all)).toBeUndefined();
    expect(middleOf([id('20'), id('20'), id('30')], { start: id('20'), end: undefined })).toBe(
      id('30'),
    );
  });

  it('has the container divided that most of the commands are about', () => {
    const many = Array.from({ length: 7 }, () => id('20'));
    expect(mostOf([id('10'), ...many, id('30')])).toBe(id('20'));
    expect(mostOf([...many, id('30'), id('40'), id('50'), id('60'), id('70')])).toBeUndefined();
    expect(mostOf([])).toBeUndefined();
  });

  it('is found at the second look that sees it so', async () => {
    const world = await World.open();
    const { group, coordinator, clock } = world;
    const settings = { commandsMax: 5, lookMillis: 1000 };
    const growth = new Growth({
      ...{ group, coordinator, clock, settings },
      sizeOf: () => Promise.resolve(undefined),
    });
    const found: unknown[] = [];
    for (let look = 0; look < 4; look++) {
      const count = look === 0 ? 1 : 20;
      for (let i = 0; i < count; i++) {
        const put = { type: 'put', name: `${i}`, text: 'x' } as const;
        await clock.run(world.execute(put, id(i % 2 === 0 ? '30' : '90')));
      }
      expect(await growth.next()).toBeUndefined();
      await clock.advance(1000);
      found.push(await growth.next());
    }
    expect(found).toEqual([
      undefined,
      undefined,
      { shard: 1, at: id('90') },
      { shard: 1, at: id('90') },
    ]);
  });
});

describe('a shard that has grown too large', () => {
  async function grown(
    sizes: Readonly<Record<string, number>>,
    { shardsPerDeviceMax = 10, divisible = (_id: string): boolean => false } = {},
  ) {
    const world = await World.open();
    const { group, coordinator, clock } = world;
    for (const route of Object.keys(sizes)) {
      await clock.run(world.execute({ type: 'put', name: 'n', text: 'x' }, route));
    }
    await clock.run(group.find(shardId(1))?.primary?.local.flush() ?? Promise.resolve());
    const settings = { bytesMax: 100, lookMillis: 1000, shardsPerDeviceMax };
    const growth = new Growth({
      ...{ group, coordinator, clock, settings },
      divider: { isWorthwhile: (_primary, one) => divisible(one) },
      // As if each container took up so much.
      sizeOf: async (_index, { gte, lt }) => {
        const inside = Object.entries(sizes).filter(([route]) => {
          const key = `7200000001${'01'}${route}`;
          return key >= toHex(gte) && key < toHex(lt);
        });
        return inside.reduce((sum, [, size]) => sum + size, 0);
      },
    });
    await clock.advance(1000);
    return growth.next();
  }

  it('is split between two containers, with about half on either side', async () => {
    expect(await grown({ [id('10')]: 50, [id('20')]: 50 })).toBeUndefined();
    expect(await grown({ [id('10')]: 60, [id('20')]: 50 })).toEqual({ shard: 1, at: id('20') });
    const many = Object.fromEntries(['10', '20', '30', '40'].map((byte) => [id(byte), 40]));
    expect(await grown(many)).toEqual({ shard: 1, at: id('30') });
    expect(await grown({ [id('00')]: 500, [id('01')]: 1 })).toEqual({ shard: 1, at: id('01') });
  });

  it('stays as it is when it is one container, or when there are too many shards', async () => {
    for (const only of ['00', '20', 'ff']) expect(await grown({ [id(only)]: 500 })).toBeUndefined();
    expect(
      await grown({ [id('10')]: 60, [id('20')]: 50 }, { shardsPerDeviceMax: 0 }),
    ).toBeUndefined();
  });

  it('has the container divided that most of it is', async () => {
    const divisible = (one: string): boolean => one === id('20');
    const most = { [id('10')]: 60, [id('20')]: 200, [id('30')]: 60 };
    expect(await grown(most, { divisible })).toEqual({ shard: 1, divide: id('20') });
    expect(await grown({ [id('20')]: 200 }, { divisible })).toEqual({ shard: 1, divide: id('20') });
    expect(await grown({ ...most, [id('20')]: 150 }, { divisible })).toEqual({
      ...{ shard: 1, at: id('30') },
    });
    expect(await grown(most)).toEqual({ shard: 1, at: id('30') });
  });
});
