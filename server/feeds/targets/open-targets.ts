import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';
import type { MessageTarget, TargetSettings } from './target.ts';
import { openNats } from './nats.ts';
import { openRedis } from './redis.ts';
import { openWebhook } from './webhook.ts';

/** Nothing is connected yet: a target that is down must not keep the server from starting. */
function openTarget(settings: TargetSettings, clock: Clock): MessageTarget {
  switch (settings.type) {
    case 'webhook':
      return openWebhook(settings, clock);
    case 'redis':
      return openRedis(settings);
    case 'nats':
      return openNats(settings);
  }
}

/** All targets of the settings, by name. */
export class Targets {
  readonly all: readonly MessageTarget[];

  constructor(settings: readonly TargetSettings[], clock: Clock) {
    this.all = settings.map((one) => openTarget(one, clock));
  }

  has(name: string): boolean {
    return this.all.some((target) => target.name === name);
  }

  async send(name: string, message: Uint8Array): Promise<void> {
    const target = this.all.find((one) => one.name === name);
    if (target === undefined) {
      throw new StoreError('invalid-argument', 'target.send', 'there is no such target');
    }
    await target.send(message);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.all.map((target) => target.close()));
  }
}
