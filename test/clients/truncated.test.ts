/** An upload whose connection closes before its last byte leaves nothing that a client can see. */
import { connect } from 'node:net';
import type { Client } from 'minio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generatedBody } from '../process/generated-body.ts';
import { minioOf } from '../process/minio-client.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
const bucket = 'truncated';
let client: Client;
beforeAll(async () => {
  await server.start();
  client = minioOf(server);
  await client.makeBucket(bucket, 'us-east-1');
});
afterAll(() => server.remove());

const MiB = 1_048_576;

interface Target {
  readonly url: string;
  readonly headers: string;
}

/** Sends `sent` of the `size` bytes that it promises, and closes. Resolves when the connection is gone. */
function cutShort(target: Target, size: number, sent: number): Promise<string> {
  const url = new URL(target.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname);
    let reply = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      reply += text;
    });
    // The server may cut what it will not answer.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(reply));
    socket.on('connect', () => {
      socket.write(
        `PUT ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Length: ${size}\r\n${target.headers}\r\n`,
      );
      for (const chunk of generatedBody(sent, sent)) socket.write(chunk);
      socket.end();
    });
    setTimeout(() => reject(new Error('the server keeps the connection')), 20_000).unref();
  });
}

async function swiftTarget(key: string): Promise<Target> {
  const { account, user, password } = server.credentials;
  const signIn = await fetch(`${server.httpUrl}/auth/v1.0`, {
    headers: { 'X-Auth-User': `${account}:${user}`, 'X-Auth-Key': password },
  });
  const storage = signIn.headers.get('x-storage-url') ?? '';
  const token = signIn.headers.get('x-auth-token') ?? '';
  return { url: `${storage}/${bucket}/${key}`, headers: `X-Auth-Token: ${token}\r\n` };
}

async function s3Target(key: string): Promise<Target> {
  return { url: await client.presignedPutObject(bucket, key), headers: '' };
}

describe.each([
  ['s3', s3Target],
  ['swift', swiftTarget],
] as const)('through %s', (door, targetOf) => {
  it.each([
    [10, 0],
    [10, 9],
    [20_000, 19_999],
    [3 * MiB, MiB],
    [3 * MiB, 3 * MiB - 1],
  ])('of %i bytes, %i arrive: nothing is stored', async (size, sent) => {
    const fresh = `${door}-${size}-${sent}`;
    const kept = `${fresh}-kept`;
    await client.putObject(bucket, kept, 'as it was');
    for (const key of [fresh, kept]) {
      const reply = await cutShort(await targetOf(key), size, sent);
      expect(reply).not.toMatch(/^HTTP\/1\.1 2/);
    }
    const names: string[] = [];
    for await (const item of client.listObjectsV2(bucket, fresh, true) as AsyncIterable<{
      name: string;
    }>) {
      names.push(item.name);
    }
    expect(names).toEqual([kept]);
    await expect(client.statObject(bucket, fresh)).rejects.toMatchObject({ code: 'NotFound' });
    const reply = await fetch(await client.presignedGetObject(bucket, kept));
    expect(await reply.text()).toBe('as it was');
  });
});
