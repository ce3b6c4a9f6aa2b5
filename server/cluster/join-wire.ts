/** One question and one answer over TLS: how a machine that is no node yet asks to become one. */
import { z } from 'zod';
import { fromUtf8, utf8 } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import type { NetStream } from '../../base/net.ts';
import { type NodeRole, nodeRoles } from './node-folder.ts';

/** What is agreed in TLS; the side that asks shows no certificate. */
export const joinProtocol = 'torc-join/1';

const messageBytesMax: number = 256 * 1024;
const patienceMillis = 15_000;

export interface JoinRequest {
  readonly secret: string;
  readonly name: string;
  readonly region: string;
  readonly zone: string;
  readonly role: NodeRole;
  readonly address: string;
  /** PEM. */
  readonly publicKey: string;
  /** Of a node that only wants its certificate anew: the one that it has (PEM), which may have ended. */
  readonly renews?: string | undefined;
}

export type JoinReply =
  | { readonly error: string }
  | {
      readonly clusterId: string;
      /** PEM. */
      readonly certificate: string;
      readonly etcd: readonly string[];
      /** Files of the data folder that all nodes share, in base64. */
      readonly files: Readonly<Record<string, string>>;
    };

export const joinRequestSchema: z.ZodType<JoinRequest> = z.strictObject({
  secret: z.string().max(200),
  name: z.string().max(63),
  region: z.string().min(1).max(100),
  zone: z.string().min(1).max(100),
  role: z.enum(nodeRoles),
  address: z.string().max(300),
  publicKey: z.string().max(2000),
  renews: z.string().max(4000).optional(),
});

export const joinReplySchema: z.ZodType<JoinReply> = z.union([
  z.strictObject({ error: z.string() }),
  z.strictObject({
    clusterId: z.string(),
    certificate: z.string(),
    etcd: z.array(z.string()),
    files: z.record(z.string(), z.string()),
  }),
]);

export function encodeMessage(message: JoinRequest | JoinReply): readonly Uint8Array[] {
  const body = utf8(JSON.stringify(message));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return [length, body];
}

function bad(message: string): StoreError {
  return new StoreError('invalid-argument', 'cluster.join', message);
}

/** The one message of the other side. Must be called in the turn in which the stream was got. Throws `invalid-argument`, `unavailable`. */
export function readMessage<Message>(
  stream: NetStream,
  clock: Clock,
  schema: z.ZodType<Message>,
): Promise<Message> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const cancel = clock.after(patienceMillis, () => {
      reject(new StoreError('unavailable', 'cluster.join', 'the other side says nothing'));
      stream.destroy();
    });
    const done = (outcome: () => void): void => {
      cancel();
      outcome();
    };
    stream.listen({
      data: (chunk) => {
        bytes = Buffer.concat([bytes, chunk]);
        if (bytes.length < 4) return;
        const length = bytes.readUInt32LE(0);
        if (length > messageBytesMax) {
          done(() => reject(bad('a message is too long')));
          stream.destroy();
        } else if (bytes.length >= 4 + length) {
          done(() => settle(bytes.subarray(4, 4 + length), schema, resolve, reject));
        }
      },
      closed: (reason) => done(() => reject(reason)),
    });
  });
}

function settle<Message>(
  bytes: Uint8Array,
  schema: z.ZodType<Message>,
  resolve: (message: Message) => void,
  reject: (error: StoreError) => void,
): void {
  try {
    resolve(schema.parse(JSON.parse(fromUtf8(bytes))));
  } catch {
    // What was sent may hold a secret: nothing of it is told.
    reject(bad('a message that cannot be read'));
  }
}
