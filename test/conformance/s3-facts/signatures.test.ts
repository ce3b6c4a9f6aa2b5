/** Facts 31 to 35: signatures, and bodies that are announced wrongly. */
import { expect } from 'vitest';
import {
  ask,
  dial,
  fact,
  headOf,
  newBucket,
  one,
  outcome,
  presigned,
  region,
  send,
  signed,
  stampNow,
  useTarget,
} from './target.ts';

useTarget();

fact(31, 'a presigned link covers its headers and its time', async () => {
  const bucket = await newBucket();
  await ask('PUT', `/${bucket}/k`, { body: 'x' });
  const good = presigned('GET', `/${bucket}/k`, { expires: 60 });
  expect((await send(good)).text).toBe('x');
  const extra = { ...good.headers, 'x-amz-meta-extra': '1' };
  const unsigned = await send({ ...good, headers: extra });
  expect(outcome(unsigned)).toEqual([403, 'AccessDenied']);
  expect(one(unsigned.text, 'Message')).toBe(
    'There were headers present in the request which were not signed',
  );
  expect(unsigned.text).toContain('x-amz-meta-extra');
  const long = await send(presigned('GET', `/${bucket}/k`, { expires: 604_801 }));
  expect(outcome(long)).toEqual([400, 'AuthorizationQueryParametersError']);
  const sign = { stamp: stampNow(-120_000) };
  const old = await send(presigned('GET', `/${bucket}/k`, { expires: 60, sign }));
  expect([...outcome(old), one(old.text, 'Message')]).toEqual([
    403,
    'AccessDenied',
    'Request has expired',
  ]);
});

fact(32, 'another region is named, and a bucket tells its own to everybody', async () => {
  const bucket = await newBucket();
  const wrong = await ask('GET', `/${bucket}`, { sign: { region: 'eu-north-7' } });
  expect(outcome(wrong)).toEqual([400, 'AuthorizationHeaderMalformed']);
  expect(one(wrong.text, 'Region')).toBe(region);
  const head = await ask('HEAD', `/${bucket}`, { anonymous: true });
  expect(head.headers.get('x-amz-bucket-region')).toBe(region);
});

fact(33, 'a clock that is off by more than 15 minutes', async () => {
  const bucket = await newBucket();
  for (const shift of [-16, 16]) {
    const sign = { stamp: stampNow(shift * 60_000) };
    const answer = await ask('GET', `/${bucket}`, { sign });
    expect(outcome(answer)).toEqual([403, 'RequestTimeTooSkewed']);
    expect(one(answer.text, 'ServerTime')).toMatch(/^\d{4}-\d\d-\d\dT/);
  }
});

fact(34, 'Expect: 100-continue is answered by the error, and the connection goes on', async () => {
  const bucket = await newBucket();
  const wire = await dial();
  const absent = signed('PUT', `/${bucket}-absent/k`, { body: 'abc' });
  wire.send(headOf(absent, 3, 'expect: 100-continue\r\n'));
  expect((await wire.reply()).status).toBe(404);
  const wrong = { accessKeyId: 'NOBODY', secretAccessKey: 'x' };
  const denied = signed('PUT', `/${bucket}/k`, { body: 'abc', sign: { key: wrong } });
  wire.send(headOf(denied, 3, 'expect: 100-continue\r\n'));
  expect((await wire.reply()).status).toBe(403);
  const good = signed('PUT', `/${bucket}/k`, { body: 'abc' });
  wire.send(headOf(good, 3, 'expect: 100-continue\r\n'));
  expect((await wire.reply()).status).toBe(100);
  wire.send('abc');
  expect((await wire.reply()).status).toBe(200);
  wire.socket.destroy();
  expect((await ask('GET', `/${bucket}/k`)).text).toBe('abc');
});

fact(35, 'a body without a length, and one that is shorter than its length', async () => {
  const bucket = await newBucket();
  const bare = await dial();
  bare.send(headOf(signed('PUT', `/${bucket}/k`), undefined));
  const refused = await bare.reply();
  expect([refused.status, one(refused.body, 'Code')]).toEqual([411, 'MissingContentLength']);
  bare.socket.destroy();
  const short = await dial();
  short.send(headOf(signed('PUT', `/${bucket}/k`, { body: 'abcdef' }), 6));
  short.send('abc');
  short.socket.end();
  const cut = await short.reply().catch(() => undefined);
  if (cut !== undefined)
    expect([cut.status, one(cut.body, 'Code')]).toEqual([400, 'IncompleteBody']);
  short.socket.destroy();
  expect((await ask('HEAD', `/${bucket}/k`)).status).toBe(404);
});
