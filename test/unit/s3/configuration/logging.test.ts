import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Answer, type Harness, all, createHarness, one, other } from '../harness.ts';
import { publicRules } from './public-rules.ts';

interface More {
  readonly bucket?: string;
  readonly target?: string;
  readonly prefix?: string;
  readonly rest?: string;
}

function configure(h: Harness, more: More = {}): Promise<Answer> {
  const { bucket = 'public-box', target = 'logs', prefix = 'p/', rest = '' } = more;
  const inside = `<LoggingEnabled><TargetBucket>${target}</TargetBucket><TargetPrefix>${prefix}</TargetPrefix>${rest}</LoggingEnabled>`;
  const body = `<BucketLoggingStatus>${inside}</BucketLoggingStatus>`;
  return h.ask('PUT', `/${bucket}`, { query: { logging: '' }, body });
}

const get = (h: Harness): Promise<Answer> =>
  h.ask('GET', '/public-box', { query: { logging: '' } });

/** As Amazon's guide has it. */
function allowLogs(
  h: Harness,
  bucket: string,
  source = 'public-box',
  account = 'id-of-AUTH_one',
): Promise<Answer> {
  const statement = {
    Effect: 'Allow',
    Principal: { Service: 'logging.s3.amazonaws.com' },
    Action: 's3:PutObject',
    Resource: `arn:aws:s3:::${bucket}/p/*`,
    Condition: {
      ArnLike: { 'aws:SourceArn': `arn:aws:s3:::${source}` },
      StringEquals: { 'aws:SourceAccount': account },
    },
  };
  const body = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  return h.ask('PUT', `/${bucket}`, { query: { policy: '' }, body });
}

async function scene(): Promise<Harness> {
  const h = createHarness({
    dialect: publicRules(['object.read', 'object.read-version']),
    websiteSuffixes: ['site.test'],
  });
  await h.ask('PUT', '/public-box');
  await h.ask('PUT', '/logs');
  await allowLogs(h, 'logs');
  return h;
}

/** Lines of all log objects, each as its fields. */
async function delivered(h: Harness): Promise<{ keys: string[]; lines: string[][] }> {
  await h.accessLog.flush();
  const keys = all((await h.ask('GET', '/logs')).text, 'Key');
  const lines: string[][] = [];
  for (const key of keys) {
    const { text } = await h.ask('GET', `/logs/${key}`);
    expect(text.endsWith('\n')).toBe(true);
    for (const line of text.trimEnd().split('\n')) {
      lines.push([...line.matchAll(/\[[^\]]*\]|"[^"]*"|\S+/g)].map(([field]) => field));
    }
  }
  return { keys, lines };
}

describe('the configuration of logging', () => {
  it('is empty, then what was put, then empty again', async () => {
    const h = await scene();
    expect((await get(h)).text).toContain('<BucketLoggingStatus xmlns=');
    expect((await configure(h)).status).toBe(200);
    const shown = (await get(h)).text;
    expect([one(shown, 'TargetBucket'), one(shown, 'TargetPrefix')]).toEqual(['logs', 'p/']);
    const partitioned =
      '<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat>';
    await configure(h, { rest: partitioned });
    expect((await get(h)).text).toContain(partitioned);
    await h.ask('PUT', '/public-box', { query: { logging: '' }, body: '<BucketLoggingStatus/>' });
    expect(one((await get(h)).text, 'TargetBucket')).toBeUndefined();
  });

  it('names a bucket that is there and lets the logs in', async () => {
    const h = await scene();
    expect((await configure(h, { target: 'absent' })).code).toBe('InvalidTargetBucketForLogging');
    await h.ask('PUT', '/foreign', { sign: { key: other } });
    expect((await configure(h, { target: 'foreign' })).code).toBe('AccessDenied');
    expect((await configure(h, { prefix: 'q/' })).code).toBe('AccessDenied');
    await allowLogs(h, 'logs', 'other-bucket');
    expect((await configure(h)).code).toBe('AccessDenied');
    await allowLogs(h, 'logs', 'public-box', 'id-of-AUTH_two');
    expect((await configure(h)).code).toBe('AccessDenied');
    const both =
      '<TargetObjectKeyFormat><SimplePrefix/><PartitionedPrefix/></TargetObjectKeyFormat>';
    expect((await configure(h, { rest: both })).code).toBe('MalformedXML');
    const grants = '<TargetGrants><Grant/></TargetGrants>';
    expect((await configure(h, { rest: grants })).status).toBe(501);
    expect(one((await get(h)).text, 'TargetBucket')).toBeUndefined();
  });
});

describe('lines of the access log', () => {
  it('tell who did what, with what end', async () => {
    const h = await scene();
    await h.ask('PUT', '/public-box/quiet', { body: 'not logged' });
    await configure(h);
    const put = await h.ask('PUT', '/public-box/a b', {
      body: 'hello',
      headers: { 'user-agent': 'test "agent"\u00e4', referer: 'http://page.test/' },
    });
    await h.ask('GET', '/public-box/a b', { anonymous: true, headers: { range: 'bytes=0-1' } });
    await h.ask('GET', '/public-box/none');
    await h.ask('PUT', '/public-box/b', { body: 'x', sign: { key: other } });
    await h.ask('GET', '/public-box', { query: { versioning: '' } });
    await h.ask('GET', '/', { anonymous: true, headers: { host: 'public-box.site.test' } });
    const { keys, lines } = await delivered(h);
    expect(keys).toHaveLength(1);
    expect(keys[0]).toMatch(/^p\/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}$/);
    for (const line of lines) {
      expect(line).toHaveLength(26);
      expect(line.slice(0, 2)).toEqual(['id-of-AUTH_one', 'public-box']);
      expect(line[2]).toMatch(/^\[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\]$/);
    }
    const told = lines.map((line) => [line[4], line[6], line[7], line[9], line[10]]);
    expect(told).toEqual([
      // The request that began it is told already.
      ...told.filter((line) => line[1] === 'REST.PUT.LOGGING_STATUS'),
      ['id-of-AUTH_one', 'REST.PUT.OBJECT', 'a%20b', '200', '-'],
      ['-', 'REST.GET.OBJECT', 'a%20b', '206', '-'],
      ['id-of-AUTH_one', 'REST.GET.OBJECT', 'none', '404', 'NoSuchKey'],
      ['id-of-AUTH_two', 'REST.PUT.OBJECT', 'b', '403', 'AccessDenied'],
      ['id-of-AUTH_one', 'REST.GET.VERSIONING', '-', '200', '-'],
      ['-', 'WEBSITE.GET.OBJECT', '-', '404', 'NoSuchWebsiteConfiguration'],
    ]);
    const line = lines.find((one) => one[6] === 'REST.PUT.OBJECT') ?? [];
    expect(line[3]).toBe('127.0.0.1');
    expect(line[5]).toBe(put.headers.get('x-amz-request-id'));
    expect(line[8]).toBe('"PUT /public-box/a%20b HTTP/1.1"');
    expect(line.slice(11, 14)).toEqual(['-', '5', '7']);
    expect(line.slice(15, 17)).toEqual(['"http://page.test/"', '"test %22agent%22%E4"']);
    expect(line[19]).toBe('SigV4');
    expect(line[21]).toBe('AuthHeader');
    const range = lines.find((one) => one[9] === '206') ?? [];
    expect(range.slice(11, 13)).toEqual(['2', '5']);
  });

  it('do not tell signatures of links', async () => {
    const h = await scene();
    await configure(h);
    await h.ask('GET', '/public-box/a', { query: { 'X-Amz-Signature': 'abc', x: '1' } });
    const { lines } = await delivered(h);
    const uri = lines.find((line) => line[8]?.includes('X-Amz-Signature'))?.[8];
    expect(uri).toContain('X-Amz-Signature=-');
    expect(uri).not.toContain('abc');
  });

  it('tell each key of many that are deleted at once', async () => {
    const h = await scene();
    await configure(h);
    const version = '0123456789abcdef';
    const objects = `<Object><Key>a b</Key></Object><Object><Key>c</Key><VersionId>${version}</VersionId></Object>`;
    const body = `<Delete><Quiet>true</Quiet>${objects}</Delete>`;
    const headers = { 'content-md5': createHash('md5').update(body).digest('base64') };
    const answer = await h.ask('POST', '/public-box', { query: { delete: '' }, headers, body });
    expect(answer.text).toContain('<Key>c</Key>');
    const { lines } = await delivered(h);
    const request = lines.find((line) => line[6] === 'REST.POST.MULTI_OBJECT_DELETE');
    const told = lines.filter((line) => line[6] === 'BATCH.DELETE.OBJECT');
    expect(told.map((line) => [7, 8, 9, 10, 17].map((at) => line[at]))).toEqual([
      ['a%20b', '-', '204', '-', '-'],
      ['c', '-', '400', 'InvalidArgument', version],
    ]);
    for (const line of told) {
      expect(line).toHaveLength(26);
      expect([line[4], line[5]]).toEqual([request?.[4], request?.[5]]);
    }
  });

  it('stand under names by day where that is asked for', async () => {
    const h = await scene();
    const rest =
      '<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat>';
    await configure(h, { rest });
    await h.ask('GET', '/public-box');
    h.clock.advance(24 * 3_600_000);
    await h.ask('GET', '/public-box');
    const { keys } = await delivered(h);
    const folder = 'p/id-of-AUTH_one/us-east-1/public-box';
    expect(keys.map((key) => key.replace(/[0-9A-F]{16}$/, 'U'))).toEqual([
      `${folder}/2026/01/01/2026-01-01-00-00-00-U`,
      `${folder}/2026/01/02/2026-01-02-00-00-00-U`,
    ]);
  });

  it('go out when there are many, wait while they are not let in, and are dropped when their bucket is gone', async () => {
    const h = await scene();
    await configure(h);
    for (let count = 0; count < 60; count++) await h.ask('GET', '/public-box/a');
    const early = all((await h.ask('GET', '/logs')).text, 'Key');
    expect(early.length).toBeGreaterThan(0);
    const { keys, lines } = await delivered(h);
    expect(keys.length).toBeGreaterThan(early.length);
    expect(lines.filter((line) => line[6] === 'REST.GET.OBJECT')).toHaveLength(60);
    await allowLogs(h, 'logs', 'other-bucket');
    await h.ask('GET', '/public-box/a');
    await h.accessLog.flush();
    expect(all((await h.ask('GET', '/logs')).text, 'Key')).toEqual(keys);
    for (const key of keys) await h.ask('DELETE', `/logs/${key}`);
    await h.ask('DELETE', '/logs');
    await h.accessLog.flush();
    expect(h.accessLog.dropped).toBe(1);
  });
});
