/** Notifications to real receivers: at least once, through restarts, crashes and outages. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { s3ClientOf } from '../../process/s3-client.ts';
import { ServerProcess } from '../../process/server.ts';
import { Webhook } from '../../process/webhook.ts';

const server = new ServerProcess();
const hook = new Webhook();
const config = join(server.data, '..', 'config.json');

const client = (): S3Client => s3ClientOf(server);

function arn(target: string): string {
  return `arn:torc:sqs:us-east-1:main:${target}`;
}

async function follow(s3: S3Client, bucket: string, target: string): Promise<void> {
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  await s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: bucket,
      NotificationConfiguration: {
        QueueConfigurations: [
          { QueueArn: arn(target), Events: ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'] },
        ],
      },
    }),
  );
}

async function put(s3: S3Client, bucket: string, ...keys: readonly string[]): Promise<void> {
  for (const Key of keys) {
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' }));
  }
}

const start = (): Promise<void> => server.start(['--config', config]);
const soon = { timeout: 20_000, interval: 50 };

beforeAll(async () => {
  await hook.start();
  const targets = [
    { name: 'hook', type: 'webhook', url: hook.url, authorization: 'Bearer secret' },
  ];
  writeFileSync(config, JSON.stringify({ targets }));
  await start();
});
afterAll(async () => {
  await server.remove();
  await hook.stop();
});

describe('a webhook', () => {
  it('is told of what happens, once tested', async () => {
    const s3 = client();
    await follow(s3, 'told', 'hook');
    expect(hook.got[0]?.body).toContain('s3:TestEvent');
    expect(hook.got[0]?.authorization).toBe('Bearer secret');
    await put(s3, 'told', 'a', 'b');
    await s3.send(new DeleteObjectCommand({ Bucket: 'told', Key: 'a' }));
    await vi.waitFor(() => expect(hook.keys().toSorted()).toEqual(['a', 'a', 'b']), soon);
  });

  it('gets what was committed before a crash while it was down', async () => {
    const s3 = client();
    await follow(s3, 'crash', 'hook');
    hook.got.length = 0;
    await hook.stop();
    await put(s3, 'crash', 'one', 'two', 'three');
    const shown = await (await fetch(`${server.httpUrl}/metrics`)).text();
    expect(shown).toMatch(/torc_feed_pending\{target="hook",.*container="crash",.*\} 3/);
    await server.end('SIGKILL');
    await start();
    await hook.start();
    await vi.waitFor(() => {
      expect(new Set(hook.keys())).toEqual(new Set(['one', 'two', 'three']));
    }, soon);
    await vi.waitFor(async () => {
      const left = await (await fetch(`${server.httpUrl}/metrics`)).text();
      expect(left).not.toMatch(/torc_feed_pending\{.*container="crash"/);
    }, soon);
  });

  it('that fails is asked again; one that refuses for good is not', async () => {
    const s3 = client();
    await follow(s3, 'fails', 'hook');
    hook.got.length = 0;
    hook.status = 503;
    await put(s3, 'fails', 'later');
    await vi.waitFor(() => expect(hook.turnedAway).toBeGreaterThan(0), soon);
    hook.status = 200;
    await vi.waitFor(() => expect(hook.keys()).toContain('later'), soon);
    hook.status = 422;
    await put(s3, 'fails', 'never');
    await vi.waitFor(async () => {
      const text = await (await fetch(`${server.httpUrl}/metrics`)).text();
      expect(text).toMatch(/torc_feed_dropped\{.*container="fails",.*\} 1/);
    }, soon);
    hook.status = 200;
    expect(hook.keys()).not.toContain('never');
  });

  it('that is not there cannot be configured', async () => {
    const s3 = client();
    await expect(follow(s3, 'nowhere', 'other')).rejects.toThrow('Unable to validate');
  });
});
