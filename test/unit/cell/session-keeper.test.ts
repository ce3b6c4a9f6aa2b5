import { expect, it } from 'vitest';
import { silentLogger } from '../../../base/log.ts';
import { deviceId } from '../../../base/units.ts';
import { SessionKeeper } from '../../../server/cell/session-keeper.ts';
import type { Coordinator, Lease, Presence } from '../../../storage/shard/coordinator.ts';
import { SimClock } from '../../sim/clock.ts';

it('tells with the next lease what came while that was asked for', async () => {
  const told: (readonly number[])[] = [];
  const losses: (() => void)[] = [];
  let arrived = (): void => undefined;
  const lease = async (presence: Presence): Promise<Lease> => {
    told.push(presence.devices);
    await new Promise<void>((resolve) => {
      arrived = resolve;
    });
    return {
      session: 's',
      held: () => true,
      onLost: (listener) => {
        losses.push(listener);
        return () => undefined;
      },
      present: async (devices) => {
        told.push(devices);
      },
      release: async () => undefined,
    };
  };
  const coordinator = { lease } as Partial<Coordinator> as Coordinator;
  const clock = new SimClock();
  const starting = SessionKeeper.start({
    ...{ coordinator, clock, logger: silentLogger },
    presence: { node: 'n1', instance: 'i', address: 'h:1', devices: [] },
  });
  arrived();
  const keeper = await starting;
  keeper.present([deviceId(1)]);
  losses[0]?.();
  keeper.present([deviceId(1), deviceId(2)]);
  arrived();
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual([[], [1], [1], [1, 2]]);
  await keeper.close();
});
