import { expect, it } from 'vitest';
import { type Answer, type Harness, createHarness, one, other } from '../harness.ts';
import { publicRules } from './public-rules.ts';

function put(h: Harness, payer: string): Promise<Answer> {
  const body = `<RequestPaymentConfiguration><Payer>${payer}</Payer></RequestPaymentConfiguration>`;
  return h.ask('PUT', '/public-box', { query: { requestPayment: '' }, body });
}

it('requesters pay once the bucket says so, and only those who know it', async () => {
  const h = createHarness({ dialect: publicRules(['object.read', 'object.write']) });
  await h.ask('PUT', '/public-box');
  await h.ask('PUT', '/public-box/a', { body: 'x' });
  const shown = async (): Promise<string | undefined> =>
    one((await h.ask('GET', '/public-box', { query: { requestPayment: '' } })).text, 'Payer');
  expect(await shown()).toBe('BucketOwner');
  const bySomebody = { sign: { key: other } };
  expect((await h.ask('GET', '/public-box/a', bySomebody)).status).toBe(200);
  expect((await put(h, 'Nobody')).code).toBe('MalformedXML');
  expect((await put(h, 'Requester')).status).toBe(200);
  expect(await shown()).toBe('Requester');

  const refused = await h.ask('GET', '/public-box/a', bySomebody);
  expect([refused.status, refused.code]).toEqual([403, 'AccessDenied']);
  const headers = { 'x-amz-request-payer': 'requester' };
  const paid = await h.ask('GET', '/public-box/a', { ...bySomebody, headers });
  expect([paid.status, paid.headers.get('x-amz-request-charged')]).toEqual([200, 'requester']);
  expect((await h.ask('PUT', '/public-box/b', { ...bySomebody, body: 'y' })).status).toBe(403);
  expect((await h.ask('GET', '/public-box/a', { headers, anonymous: true })).status).toBe(403);
  const own = await h.ask('GET', '/public-box/a');
  expect([own.status, own.headers.get('x-amz-request-charged')]).toEqual([200, undefined]);

  await put(h, 'BucketOwner');
  expect((await h.ask('GET', '/public-box/a', bySomebody)).status).toBe(200);
});
