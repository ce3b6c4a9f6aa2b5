/** Whatever is asked of whatever route: an error is a document, and HEAD has none. */
import { expect, test } from 'vitest';
import type { Route } from '../../../../server/s3/call.ts';
import { routes } from '../../../../server/s3/routes.ts';
import { type Answer, type Ask, createHarness, type Harness, other, owner } from '../harness.ts';

const paths = { service: '/', account: '/v20180820/configuration/publicAccessBlock' } as const;

function pathOf(route: Route, bucket: string, key: string): string {
  if (route.shape === 'service' || route.shape === 'account') return paths[route.shape];
  return route.shape === 'bucket' ? `/${bucket}` : `/${bucket}/${key}`;
}

function askOf(route: Route): Ask {
  const query = route.marker === undefined ? {} : { [route.marker]: '' };
  const header = route.header === undefined ? {} : { [route.header]: 'bucket/k' };
  const account = route.shape === 'account' ? { 'x-amz-account-id': 'AUTH_one' } : {};
  return { query, headers: { ...header, ...account } };
}

/** An error is told as Amazon tells it; what succeeded is not looked at. */
function checkReply(route: Route, answer: Answer): void {
  const { status, headers, text } = answer;
  if (status < 400) return;
  const about = [route.name, status, text.slice(0, 300)];
  if (route.method === 'HEAD') {
    expect([...about, answer.bytes.length]).toEqual([...about, 0]);
    return;
  }
  expect([...about, headers.get('content-type')]).toEqual([...about, 'application/xml']);
  const isDocument =
    /^<\?xml version="1.0" encoding="UTF-8"\?>\n<Error><Code>\w+<\/Code><Message>[^<]+<\/Message>.*<\/Error>$/s;
  expect([...about, isDocument.test(text)]).toEqual([...about, true]);
  const requestId = /<RequestId>([0-9A-F]{16})<\/RequestId>/.exec(text)?.[1];
  expect([...about, headers.get('x-amz-request-id')]).toEqual([...about, requestId]);
}

async function withObject(): Promise<Harness> {
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  await harness.ask('PUT', '/bucket/k', { body: 'x' });
  return harness;
}

const garbage = ['', '<', '<x/>', '<Tagging>', '{"Statement": []}', '\u0000\u0001', '<a>&b;</a>'];

test.each(routes.map((route) => [route.name, route] as const))('%s', async (_name, route) => {
  const harness = await withObject();
  const { ask } = harness;
  const asked = askOf(route);
  const wrong = { key: { ...owner, secretAccessKey: 'wrong' } };
  const path = pathOf(route, 'bucket', 'k');
  const refused: readonly (readonly [string, Ask])[] = [
    [path, { ...asked, sign: wrong }],
    [path, { ...asked, anonymous: true }],
    [path, { ...asked, sign: { key: other } }],
    [pathOf(route, 'no-such-bucket', 'k'), asked],
    [pathOf(route, 'bucket', 'no-such-key'), asked],
    [pathOf(route, 'BAD_name', 'k'), asked],
    [path, { ...asked, query: { ...asked.query, versionId: 'odd', partNumber: '0', id: '' } }],
  ];
  for (const [where, how] of refused) checkReply(route, await ask(route.method, where, how));
  const isWriting = route.method === 'PUT' || route.method === 'POST';
  for (const body of isWriting ? garbage : []) {
    checkReply(route, await ask(route.method, path, { ...asked, body }));
  }
  const wrongSecret = await ask(route.method, path, { ...asked, sign: wrong });
  expect(wrongSecret.status).toBeGreaterThanOrEqual(400);
});
