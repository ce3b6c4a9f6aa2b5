/** A client that sends a few bytes now and then, for ten minutes, is still served (s3.md, fact 42). */
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { digestOf, generatedBody } from '../process/generated-body.ts';
import { minioOf } from '../process/minio-client.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

const seconds = Number(process.env['LONG_SECONDS'] ?? 600);
/** Just inside the longest silence that the server bears (httpLimits.bodyIdleMillis is 60 s). */
const pauseSeconds = Math.min(50, seconds / 12);
const PIECE_BYTES = 20_000;

function drip(target: string, body: Buffer): Promise<string> {
  const url = new URL(target);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname);
    let reply = '';
    let sent = 0;
    const send = (): void => {
      socket.write(body.subarray(sent, sent + PIECE_BYTES));
      sent += PIECE_BYTES;
      if (sent < body.length) setTimeout(send, pauseSeconds * 1000);
    };
    socket.setEncoding('utf8');
    socket.on('error', reject);
    socket.on('close', () => resolve(reply));
    socket.on('data', (text: string) => {
      reply += text;
      if (reply.includes('\r\n\r\n')) socket.end();
    });
    socket.on('connect', () => {
      socket.write(
        `PUT ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
      );
      send();
    });
  });
}

it(`takes an upload that drips for ${seconds} s`, { timeout: seconds * 1500 }, async () => {
  const client = minioOf(server);
  await client.makeBucket('slow', 'us-east-1');
  const pieces = Math.ceil(seconds / pauseSeconds) + 1;
  const body = Buffer.concat([...generatedBody(1, pieces * PIECE_BYTES)]);
  const started = performance.now();
  const reply = await drip(await client.presignedPutObject('slow', 'drip'), body);
  expect(reply).toMatch(/^HTTP\/1\.1 200 /);
  expect(performance.now() - started).toBeGreaterThan(seconds * 1000);
  const found = await digestOf(await client.getObject('slow', 'drip'));
  expect(found).toEqual(await digestOf([body]));
});
