/** Facts 36 to 42: replies, metadata, copies, buckets as they come, pages of browsers, slow clients. */
import { expect } from 'vitest';
import {
  type Answer,
  ask,
  dial,
  etagOf,
  fact,
  headOf,
  newBucket,
  one,
  otherKey,
  outcome,
  region,
  signed,
  slowSeconds,
  useTarget,
} from './target.ts';

useTarget();

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, millis));

fact(
  36,
  'errors are documents with the id of their reply; HEAD, 204 and 304 have no body',
  async () => {
    const bucket = await newBucket();
    const made = await ask('PUT', `/${bucket}/k`, { body: 'x' });
    const error = await ask('GET', `/${bucket}/absent`);
    expect(error.text).toMatch(
      /^<\?xml version="1.0" encoding="UTF-8"\?>\s*<Error><Code>NoSuchKey</,
    );
    expect(error.headers.get('content-type')).toBe('application/xml');
    expect(one(error.text, 'RequestId')).toBe(error.headers.get('x-amz-request-id'));
    expect(one(error.text, 'Resource')).toBe(`/${bucket}/absent`);
    expect(one(error.text, 'Message')).toBe('The specified key does not exist.');
    const head = await ask('HEAD', `/${bucket}/absent`);
    expect([head.status, head.bytes.length]).toEqual([404, 0]);
    const headers = { 'if-none-match': etagOf(made) };
    const same = await ask('GET', `/${bucket}/k`, { headers });
    expect([same.status, same.bytes.length]).toEqual([304, 0]);
    const gone = await ask('DELETE', `/${bucket}/k`);
    expect([gone.status, gone.bytes.length]).toEqual([204, 0]);
  },
);

fact(37, 'metadata: 2 KB, lower-case names, UTF-8', async () => {
  const bucket = await newBucket();
  const put = (headers: Record<string, string>): Promise<Answer> =>
    ask('PUT', `/${bucket}/k`, { body: 'x', headers });
  expect(outcome(await put({ 'x-amz-meta-a': 'v'.repeat(2048) }))).toEqual([
    400,
    'MetadataTooLarge',
  ]);
  const onWire = Buffer.from('Grüße 😀').toString('latin1');
  expect((await put({ 'X-Amz-Meta-MiXed': 'v', 'x-amz-meta-text': onWire })).status).toBe(200);
  const { headers } = await ask('HEAD', `/${bucket}/k`);
  expect(headers.get('x-amz-meta-mixed')).toBe('v');
  expect(headers.get('x-amz-meta-text')).toBe(onWire);
});

fact(38, 'copies: onto itself, with new metadata, and however the source is written', async () => {
  const bucket = await newBucket();
  const name = 'a b+c';
  const headers = { 'x-amz-meta-old': '1', 'content-type': 'text/plain' };
  await ask('PUT', `/${bucket}/${name}`, { body: 'x', headers });
  const copy = (source: string, key: string, more: Record<string, string> = {}): Promise<Answer> =>
    ask('PUT', `/${bucket}/${key}`, { headers: { 'x-amz-copy-source': source, ...more } });
  const encoded = `${bucket}/a%20b%2Bc`;
  expect(outcome(await copy(encoded, name))).toEqual([400, 'InvalidRequest']);
  for (const source of [encoded, `/${encoded}`, encoded.replace('/', '%2F'), `${bucket}/a+b%2Bc`]) {
    expect([source, (await copy(source, 'copy')).status]).toEqual([source, 200]);
  }
  expect((await copy(`${encoded}?versionId=null`, 'copy')).status).toBe(200);
  expect((await ask('HEAD', `/${bucket}/copy`)).headers.get('x-amz-meta-old')).toBe('1');
  const replace = { 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-new': '2' };
  const replaced = await copy(encoded, 'copy', replace);
  expect(one(replaced.text, 'ETag')).toBe(etagOf(await ask('HEAD', `/${bucket}/${name}`)));
  const head = (await ask('HEAD', `/${bucket}/copy`)).headers;
  expect(head.get('x-amz-meta-new')).toBe('2');
  expect(head.has('x-amz-meta-old')).toBe(false);
  expect(head.get('content-type')).toBe('binary/octet-stream');
});

fact(39, 'a bucket that is created again, by its owner and by another', async () => {
  const bucket = await newBucket();
  const again = await ask('PUT', `/${bucket}`);
  if (region === 'us-east-1') expect(again.status).toBe(200);
  else expect(outcome(again)).toEqual([409, 'BucketAlreadyOwnedByYou']);
  const other = await ask('PUT', `/${bucket}`, { sign: { key: otherKey } });
  expect(outcome(other)).toEqual([409, 'BucketAlreadyExists']);
});

fact(40, 'sub-resources of a fresh bucket answer as unset ones', async () => {
  const bucket = await newBucket();
  const read = (name: string): Promise<Answer> =>
    ask('GET', `/${bucket}`, { query: { [name]: '' } });
  for (const [name, code] of [
    ['cors', 'NoSuchCORSConfiguration'],
    ['policy', 'NoSuchBucketPolicy'],
    ['lifecycle', 'NoSuchLifecycleConfiguration'],
    ['tagging', 'NoSuchTagSet'],
    ['website', 'NoSuchWebsiteConfiguration'],
    ['object-lock', 'ObjectLockConfigurationNotFoundError'],
    ['replication', 'ReplicationConfigurationNotFoundError'],
  ] as const) {
    expect([name, ...outcome(await read(name))]).toEqual([name, 404, code]);
  }
  // Amazon blocks public access of new buckets since 2023; without that it is a 404.
  const block = await read('publicAccessBlock');
  if (block.status !== 200) {
    expect(outcome(block)).toEqual([404, 'NoSuchPublicAccessBlockConfiguration']);
  }
  const ownership = await read('ownershipControls');
  if (ownership.status !== 200) {
    expect(outcome(ownership)).toEqual([404, 'OwnershipControlsNotFoundError']);
  }
  for (const name of ['versioning', 'logging', 'accelerate', 'notification']) {
    const answer = await read(name);
    const isEmpty = /<\w+( xmlns="[^"]*")?(><\/\w+>|\s*\/>)\s*$/.test(answer.text);
    expect([name, answer.status, isEmpty]).toEqual([name, 200, true]);
  }
});

fact(41, 'pages of other origins: preflights, the rule that fits, and errors too', async () => {
  const bucket = await newBucket();
  const rule =
    '<CORSRule><AllowedOrigin>https://page.test</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>';
  const body = `<CORSConfiguration>${rule}</CORSConfiguration>`;
  expect((await ask('PUT', `/${bucket}`, { query: { cors: '' }, body })).status).toBe(200);
  const preflight = (headers: Record<string, string>): Promise<Answer> =>
    ask('OPTIONS', `/${bucket}/k`, { headers, anonymous: true });
  const method = { 'access-control-request-method': 'GET' };
  expect((await preflight(method)).status).toBe(400);
  const stranger = await preflight({ ...method, origin: 'https://other.test' });
  expect(outcome(stranger)).toEqual([403, 'AccessForbidden']);
  const origin = { origin: 'https://page.test' };
  const good = await preflight({ ...method, ...origin });
  expect([good.status, good.headers.get('access-control-allow-origin')]).toEqual([
    200,
    'https://page.test',
  ]);
  const missing = await ask('GET', `/${bucket}/absent`, { headers: origin });
  expect(missing.status).toBe(404);
  expect(missing.headers.get('access-control-allow-origin')).toBe('https://page.test');
  expect(missing.headers.get('vary')).toContain('Origin');
});

fact(42, 'a slow upload survives, and a connection that idles meanwhile', async () => {
  const bucket = await newBucket();
  const body = 'x'.repeat(slowSeconds * 2);
  const wire = await dial();
  const idle = await dial();
  idle.send(headOf(signed('GET', `/${bucket}`), undefined));
  expect((await idle.reply()).status).toBe(200);
  wire.send(headOf(signed('PUT', `/${bucket}/k`, { body }), body.length));
  for (let sent = 0; sent < body.length; sent++) {
    wire.send('x');
    await pause(500);
  }
  expect((await wire.reply()).status).toBe(200);
  wire.socket.destroy();
  if (slowSeconds <= 30) {
    idle.send(headOf(signed('GET', `/${bucket}`), undefined));
    expect((await idle.reply()).status).toBe(200);
  }
  idle.socket.destroy();
});
