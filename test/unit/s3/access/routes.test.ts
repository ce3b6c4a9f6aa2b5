/** Generated from the table of routes: each route checks exactly its permission, before anything else. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { s3Actions } from '../../../../server/s3/access/actions.ts';
import type { Route } from '../../../../server/s3/call.ts';
import { routes } from '../../../../server/s3/routes.ts';
import { createHarness, other, owner, requestOf, stampOf } from '../harness.ts';
import { sign } from '../signer.ts';

type Harness = ReturnType<typeof createHarness>;

const built = routes.filter(({ run }) => run !== undefined);
const onBucket = built.filter(({ shape, name }) => {
  return (shape === 'bucket' || shape === 'object') && name !== 'CreateBucket';
});
/** Their permission depends on what stands in their body, and is asked about when that is known. */
const asksLater = new Set(['DeleteObjects', 'PostObject', 'PutObjectTagging']);

const names = [...s3Actions.keys()];
const bucketArn = ['arn:aws:s3:::bucket', 'arn:aws:s3:::bucket/*'];

interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
}

async function withPolicy(statements: readonly Statement[]): Promise<Harness> {
  const harness = createHarness({ newBuckets: { ownership: 'none', blockPublicAccess: false } });
  await harness.ask('PUT', '/bucket');
  await harness.ask('PUT', '/bucket/there', { body: 'x' });
  const policy = {
    Version: '2012-10-17',
    Statement: statements.map(({ effect, actions }) => ({
      ...{ Effect: effect, Principal: '*', Action: actions, Resource: bucketArn },
    })),
  };
  const answer = await harness.ask('PUT', '/bucket', {
    query: { policy: '' },
    body: JSON.stringify(policy),
  });
  expect(answer.status).toBe(204);
  return harness;
}

/** A request that the route takes, from a stranger, for a key that is not there. */
async function call(
  { door, clock }: Harness,
  route: Route,
): Promise<{ readonly status: number; readonly text: string; readonly read: boolean }> {
  const headers: Record<string, string> = {};
  if (route.header !== undefined) headers[route.header] = '/bucket/absent';
  const query: Record<string, string> = {};
  if (route.marker !== undefined) query[route.marker] = route.marker === 'list-type' ? '2' : '';
  if (route.method === 'PUT' && route.marker === 'uploadId') query['partNumber'] = '1';
  const unsigned = {
    method: route.method,
    path: route.shape === 'object' ? '/bucket/absent' : '/bucket',
    query,
    headers,
    body: Buffer.from('body'),
  };
  const signed = sign(unsigned, { key: other, stamp: stampOf(clock.now()) });
  const request = requestOf(signed, false);
  let read = false;
  const reply = await door.handle({
    ...request,
    body: () => {
      read = true;
      return request.body();
    },
  });
  const { body } = reply;
  const text = body instanceof Uint8Array ? Buffer.from(body).toString() : '';
  return { status: reply.status, text, read };
}

describe('every route', () => {
  test('has a permission that policies know', () => {
    for (const { action } of routes) expect(names).toContain(action);
    expect(onBucket.length).toBeGreaterThan(50);
  });

  test.each(onBucket.filter(({ name }) => !asksLater.has(name)).map((r) => [r.name, r] as const))(
    '%s is refused to whom all else is allowed, with its body unread',
    async (_, route) => {
      const harness = await withPolicy([
        { effect: 'Allow', actions: ['s3:*'] },
        { effect: 'Deny', actions: [route.action, 's3:ListBucket'] },
      ]);
      const answer = await call(harness, route);
      expect([answer.status, answer.read]).toEqual([403, false]);
      if (route.method !== 'HEAD') expect(answer.text).toContain('<Code>AccessDenied</Code>');
    },
  );

  test.each(onBucket.filter(({ name }) => !asksLater.has(name)).map((r) => [r.name, r] as const))(
    '%s needs no other',
    async (_, route) => {
      const more = route.name === 'GetObjectAttributes' ? ['s3:GetObject'] : [];
      // The source of a copy is another object, asked about by itself; and lists are told who may list.
      const source = route.header === undefined ? [] : ['s3:GetObject'];
      const actions = [route.action, 's3:ListBucket', ...more, ...source];
      const harness = await withPolicy([{ effect: 'Allow', actions }]);
      const answer = await call(harness, route);
      expect([answer.status, answer.text]).not.toEqual([403, answer.text]);
    },
  );

  test.each(onBucket.map((r) => [r.name, r] as const))(
    '%s is refused to strangers and to nobody where nothing is granted',
    async (_, route) => {
      const harness = createHarness();
      await harness.ask('PUT', '/bucket');
      const answer = await call(harness, route);
      // The deletion of many answers for each key; a form that is signed twice is no form.
      const isLate = asksLater.has(route.name);
      if (!isLate) expect([answer.status, answer.read]).toEqual([403, false]);
      const path = route.shape === 'object' ? '/bucket/absent' : '/bucket';
      const part = route.marker === 'uploadId' ? { partNumber: '1' } : {};
      const query = route.marker === undefined ? {} : { [route.marker]: '', ...part };
      const anonymous = await harness.ask(route.method, path, { query, anonymous: true });
      if (!isLate) expect(anonymous.status).toBe(403);
    },
  );
});

describe('routes that ask later', () => {
  const deletion = '<Delete><Object><Key>there</Key></Object></Delete>';
  const tagging = '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>';

  async function answers(actions: readonly string[]): Promise<readonly string[]> {
    const { ask } = await withPolicy([{ effect: 'Allow', actions }]);
    const sign = { key: other };
    const tags = await ask('PUT', '/bucket/there', {
      ...{ query: { tagging: '' }, body: tagging, sign },
    });
    const boundary = 'xx';
    const form = ['key', 'posted', 'file', 'x'].reduce(
      (text, part, index) =>
        index % 2 === 0
          ? `${text}--${boundary}\r\nContent-Disposition: form-data; name="${part}"\r\n\r\n`
          : `${text}${part}\r\n`,
      '',
    );
    const posted = await ask('POST', '/bucket', {
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
      body: `${form}--${boundary}--\r\n`,
      anonymous: true,
    });
    const deleted = await ask('POST', '/bucket', {
      query: { delete: '' },
      body: deletion,
      headers: { 'content-md5': createMd5(deletion) },
      sign,
    });
    return [
      tags.code ?? String(tags.status),
      posted.code ?? String(posted.status),
      /<Code>(\w+)</.exec(deleted.text)?.[1] ?? String(deleted.status),
    ];
  }

  test('check exactly their permission for each key', async () => {
    const denied = 'AccessDenied';
    expect(await answers(['s3:PutObjectTagging'])).toEqual(['200', denied, denied]);
    expect(await answers(['s3:PutObject'])).toEqual([denied, '204', denied]);
    expect(await answers(['s3:DeleteObject'])).toEqual([denied, denied, '200']);
    expect(await answers(['s3:ListBucket'])).toEqual([denied, denied, denied]);
  });
});

describe('routes of the service and of accounts', () => {
  const own = built.filter(({ shape }) => shape === 'service' || shape === 'account');

  test.each(own.map((route) => [route.name, route] as const))('%s', async (_, route) => {
    const { ask } = createHarness();
    const path = route.shape === 'service' ? '/' : '/v20180820/configuration/publicAccessBlock';
    const headers = { 'x-amz-account-id': 'one' };
    const nobody = await ask(route.method, path, { headers, anonymous: true });
    expect(nobody.status).toBe(403);
    const mine = await ask(route.method, path, { headers, sign: { key: owner } });
    expect(mine.status).not.toBe(403);
    if (route.shape === 'service') return;
    const others = await ask(route.method, path, { headers, sign: { key: other } });
    expect([others.status, others.code]).toEqual([403, 'AccessDenied']);
  });

  test('CreateBucket', async () => {
    const { ask } = createHarness();
    expect((await ask('PUT', '/bucket', { anonymous: true })).code).toBe('AccessDenied');
  });
});

function createMd5(text: string): string {
  return createHash('md5').update(text).digest('base64');
}
