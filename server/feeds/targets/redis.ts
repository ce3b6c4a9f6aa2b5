import type { RedisClientType } from '@redis/client';
import { type StoreError, toStoreError, StoreError as Failure } from '../../../base/errors.ts';
import type { MessageTarget, RedisSettings } from './target.ts';

/** Appends each message to a list (RPUSH) or a stream (XADD). What subscribers alone would hear (PUBLISH) is lost without one, so it is not offered. */
export function openRedis(settings: RedisSettings): MessageTarget {
  const { name, url, key, timeoutMillis } = settings;
  let client: RedisClientType | undefined;

  /** Connects when there is something to send: a server that is down must not be dialled for ever. */
  const connected = async (): Promise<RedisClientType> => {
    if (client?.isReady === true) return client;
    client?.destroy();
    // Only a server that has such a target loads the library.
    const { createClient } = await import('@redis/client');
    const made: RedisClientType = createClient({
      url,
      // Who tells events waits and tries again by itself.
      disableOfflineQueue: true,
      socket: {
        connectTimeout: timeoutMillis,
        socketTimeout: timeoutMillis,
        reconnectStrategy: false,
      },
    });
    // Each command fails with the reason; an emitter without a listener would end the process.
    made.on('error', () => undefined);
    client = made;
    await made.connect();
    return made;
  };

  return {
    name,
    send: async (message) => {
      const text = Buffer.from(message).toString('utf8');
      try {
        const ready = await connected();
        if (settings.as === 'list') await ready.rPush(key, text);
        else await ready.xAdd(key, '*', { event: text });
      } catch (error) {
        throw unavailable(error);
      }
    },
    close: async () => {
      client?.destroy();
      client = undefined;
      await Promise.resolve();
    },
  };
}

function unavailable(error: unknown): StoreError {
  const { message } = toStoreError(error, 'redis.send');
  return new Failure('unavailable', 'redis.send', message, { cause: error });
}
