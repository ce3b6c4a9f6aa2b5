/** Notifications to the real redis-server and nats-server of Debian: nothing is lost while they are down. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createClient } from '@redis/client';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Broker, freePort } from '../../process/brokers.ts';
import { s3ClientOf } from '../../process/s3-client.ts';
import { ServerProcess } from '../../process/server.ts';

const server = new ServerProcess();
const config = join(server.data, '..', 'config.json');
const soon = { timeout: 20_000, interval: 50 };
let redis: Broker;
let nats: Broker;

beforeAll(async () => {
  redis = new Broker('redis', await freePort());
  nats = new Broker('nats', await freePort());
  await redis.start();
  await nats.start();
  const url = `redis://127.0.0.1:${redis.port}`;
  const servers = [`127.0.0.1:${nats.port}`];
  const targets = [
    { name: 'list', type: 'redis', url, key: 'events' },
    { name: 'stream', type: 'redis', url, key: 'log', as: 'stream' },
    { name: 'jet', type: 'nats', servers, subject: 'torc.jet' },
    { name: 'plain', type: 'nats', servers, subject: 'torc.plain', jetStream: false },
  ];
  writeFileSync(config, JSON.stringify({ targets }));
  await server.start(['--config', config]);
});
afterAll(async () => {
  await server.remove();
  await redis.remove();
  await nats.remove();
});

const client = (): S3Client => s3ClientOf(server);

async function follow(bucket: string, target: string): Promise<void> {
  await client().send(new CreateBucketCommand({ Bucket: bucket }));
  const QueueArn = `arn:torc:sqs:us-east-1:main:${target}`;
  await client().send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: bucket,
      NotificationConfiguration: {
        QueueConfigurations: [{ QueueArn, Events: ['s3:ObjectCreated:*'] }],
      },
    }),
  );
}

async function put(Bucket: string, ...keys: readonly string[]): Promise<void> {
  for (const Key of keys) await client().send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
}

/** Keys of the records in these messages; those of test events left out. */
function keysOf(messages: readonly string[]): readonly string[] {
  const keys = messages.flatMap((message) => {
    const parsed = JSON.parse(message) as { Records?: { s3: { object: { key: string } } }[] };
    return (parsed.Records ?? []).map((record) => record.s3.object.key);
  });
  return [...new Set(keys)].toSorted();
}

async function fromRedis(as: 'list' | 'stream'): Promise<readonly string[]> {
  const reader = createClient({ url: `redis://127.0.0.1:${redis.port}` });
  reader.on('error', () => undefined);
  await reader.connect();
  try {
    if (as === 'list') return keysOf(await reader.lRange('events', 0, -1));
    const entries = await reader.xRange('log', '-', '+');
    return keysOf((entries ?? []).map((entry) => String(entry.message['event'])));
  } finally {
    reader.destroy();
  }
}

it.each(['list', 'stream'] as const)('a %s of Redis', { timeout: 60_000 }, async (as) => {
  await follow(`redis-${as}`, as);
  await put(`redis-${as}`, 'a', 'b');
  await vi.waitFor(async () => expect(await fromRedis(as)).toEqual(['a', 'b']), soon);
  await redis.stop();
  await put(`redis-${as}`, 'c', 'd');
  await server.end('SIGKILL');
  await server.start(['--config', config]);
  await redis.start();
  await vi.waitFor(async () => expect(await fromRedis(as)).toEqual(['a', 'b', 'c', 'd']), soon);
});

it('a stream of NATS, and who listens without one', { timeout: 60_000 }, async () => {
  const servers = `127.0.0.1:${nats.port}`;
  let connection = await connect({ servers });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'torc', subjects: ['torc.jet'] });
  await follow('nats-jet', 'jet');
  await follow('nats-plain', 'plain');
  const heard: string[] = [];
  connection.subscribe('torc.plain', {
    callback: (_error, message) => {
      heard.push(message.string());
    },
  });
  await connection.flush();
  await put('nats-plain', 'p');
  await vi.waitFor(() => expect(keysOf(heard)).toEqual(['p']), soon);
  await put('nats-jet', 'a');
  await connection.close();
  await nats.stop();
  await put('nats-jet', 'b', 'c');
  await nats.start();
  await vi.waitFor(async () => {
    connection = await connect({ servers });
    try {
      const stream = await jetstream(connection).streams.get('torc');
      const { state } = await stream.info();
      const messages: string[] = [];
      for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
        messages.push((await stream.getMessage({ seq }))?.string() ?? '{}');
      }
      expect(keysOf(messages)).toEqual(['a', 'b', 'c']);
    } finally {
      await connection.close();
    }
  }, soon);
});
