import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';
import type { MessageTarget, WebhookSettings } from './target.ts';

/** What a receiver says of a message that it will never take, whoever sends it again. */
const refusals: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/** Connections kept to one receiver. */
const MAX_SOCKETS = 8;

/** POSTs each message as JSON; any 2xx takes it. Redirects are not followed. */
export function openWebhook(settings: WebhookSettings, clock: Clock): MessageTarget {
  const url = new URL(settings.url);
  const isTls = url.protocol === 'https:';
  const agent = isTls
    ? new HttpsAgent({ keepAlive: true, maxSockets: MAX_SOCKETS })
    : new HttpAgent({ keepAlive: true, maxSockets: MAX_SOCKETS });
  const post = (message: Uint8Array): Promise<number> =>
    new Promise((resolve, reject) => {
      const request = (isTls ? httpsRequest : httpRequest)(url, {
        method: 'POST',
        agent,
        headers: {
          'Content-Type': 'application/json',
          'Content-Length': message.length,
          'User-Agent': 'Torc',
          ...(settings.authorization === undefined
            ? {}
            : { Authorization: settings.authorization }),
        },
      });
      const cancel = clock.after(settings.timeoutMillis, () => {
        request.destroy(new StoreError('timeout', 'webhook.send', 'the receiver did not answer'));
      });
      request.once('response', (response) => {
        // The answer's body says nothing to us, but must be read for the connection to be used again.
        response.resume();
        response.once('close', cancel);
        resolve(response.statusCode ?? 0);
      });
      request.once('error', (cause) => {
        cancel();
        if (cause instanceof StoreError) reject(cause);
        else reject(new StoreError('unavailable', 'webhook.send', cause.message, { cause }));
      });
      request.end(message);
    });
  return {
    name: settings.name,
    send: async (message) => {
      const status = await post(message);
      if (status >= 200 && status < 300) return;
      const kind = refusals.has(status) ? 'invalid-argument' : 'unavailable';
      throw new StoreError(kind, 'webhook.send', `the receiver answered ${status}`);
    },
    close: async () => {
      agent.destroy();
      await Promise.resolve();
    },
  };
}
