import type { NatsConnection } from '@nats-io/transport-node';
import { StoreError, toStoreError } from '../../../base/errors.ts';
import type { MessageTarget, NatsSettings } from './target.ts';

/**
 * Publishes each message to a subject. With JetStream (the default) the stream's own
 * acknowledgement is waited for; without, only that the server has it: whoever does not listen then, misses it.
 */
export function openNats(settings: NatsSettings): MessageTarget {
  const { name, servers, subject, timeoutMillis } = settings;
  let connection: NatsConnection | undefined;

  const connected = async (): Promise<NatsConnection> => {
    if (connection !== undefined && !connection.isClosed()) return connection;
    // Only a server that has such a target loads the library.
    const { connect } = await import('@nats-io/transport-node');
    connection = await connect({
      servers: [...servers],
      name: 'torc',
      timeout: timeoutMillis,
      // Who tells events waits and tries again by itself.
      reconnect: false,
      ...(settings.user === undefined
        ? {}
        : { user: settings.user, pass: settings.password ?? '' }),
      ...(settings.token === undefined ? {} : { token: settings.token }),
      ...(settings.ca === undefined ? {} : { tls: { ca: settings.ca } }),
    });
    return connection;
  };

  return {
    name,
    send: async (message) => {
      try {
        const ready = await connected();
        if (settings.jetStream) {
          const { jetstream } = await import('@nats-io/jetstream');
          await jetstream(ready).publish(subject, message, { timeout: timeoutMillis });
        } else {
          ready.publish(subject, message);
          await ready.flush();
        }
      } catch (error) {
        const { message: reason } = toStoreError(error, 'nats.send');
        throw new StoreError('unavailable', 'nats.send', reason, { cause: error });
      }
    },
    close: async () => {
      await connection?.close();
      connection = undefined;
    },
  };
}
