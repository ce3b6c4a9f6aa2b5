import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../../base/errors.ts';
import { memoryFeeds } from '../../../memory/feeds.ts';
import { createEventRenderer } from '../../../../server/s3/notification/record.ts';
import { type Answer, type Harness, all, createHarness, one, users } from '../harness.ts';

const ARN = 'arn:torc:sqs:us-east-1:main:hook';

interface Sent {
  readonly name: string;
  readonly message: Record<string, unknown>;
}

function notifying(fails = false): { harness: Harness; sent: Sent[] } {
  const sent: Sent[] = [];
  const targets = {
    has: (name: string) => name === 'hook' || name === 'bus',
    send: async (name: string, message: Uint8Array) => {
      await Promise.resolve();
      if (fails) throw new StoreError('unavailable', 'test', 'down');
      sent.push({ name, message: JSON.parse(Buffer.from(message).toString()) });
    },
  };
  return { harness: createHarness({ targets }), sent };
}

function rule(
  kind: 'Queue' | 'Topic' | 'CloudFunction',
  inside: { id?: string; arn?: string; events?: readonly string[]; filter?: string } = {},
): string {
  const { id, arn = ARN, events = ['s3:ObjectCreated:*'], filter = '' } = inside;
  const name = id === undefined ? '' : `<Id>${id}</Id>`;
  const list = events.map((event) => `<Event>${event}</Event>`).join('');
  return `<${kind}Configuration>${name}<${kind}>${arn}</${kind}>${list}${filter}</${kind}Configuration>`;
}

function filter(...rules: readonly (readonly [string, string])[]): string {
  const inside = rules.map(
    ([name, value]) => `<FilterRule><Name>${name}</Name><Value>${value}</Value></FilterRule>`,
  );
  return `<Filter><S3Key>${inside.join('')}</S3Key></Filter>`;
}

function put(
  harness: Harness,
  inside: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const body = `<NotificationConfiguration>${inside}</NotificationConfiguration>`;
  return harness.ask('PUT', '/box', { query: { notification: '' }, body, headers });
}

const get = (harness: Harness): Promise<Answer> =>
  harness.ask('GET', '/box', { query: { notification: '' } });

describe('the configuration of notifications', () => {
  it('is empty, then what was put, then empty again', async () => {
    const { harness, sent } = notifying();
    await harness.ask('PUT', '/box');
    expect((await get(harness)).text).toContain('<NotificationConfiguration xmlns=');
    const events = ['s3:ObjectCreated:Put', 's3:ObjectRemoved:*'];
    const wanted =
      rule('Queue', {
        id: 'q',
        events,
        filter: filter(['Prefix', 'a&amp;b'], ['suffix', '.jpg']),
      }) +
      rule('Topic', {
        id: 't',
        arn: 'arn:aws:sns:us-east-1:123456789012:bus',
        events: ['s3:ObjectTagging:*'],
      });
    expect((await put(harness, wanted)).status).toBe(200);
    const shown = (await get(harness)).text;
    expect(all(shown, 'Id')).toEqual(['q', 't']);
    expect(all(shown, 'Event')).toEqual([...events, 's3:ObjectTagging:*']);
    expect(all(shown, 'Name')).toEqual(['prefix', 'suffix']);
    expect(all(shown, 'Value')).toEqual(['a&amp;b', '.jpg']);
    expect(one(shown, 'Topic')).toBe('arn:aws:sns:us-east-1:123456789012:bus');
    expect(sent.map(({ name, message }) => [name, message['Event'], message['Bucket']])).toEqual([
      ['hook', 's3:TestEvent', 'box'],
      ['bus', 's3:TestEvent', 'box'],
    ]);
    expect((await put(harness, '')).status).toBe(200);
    expect(all((await get(harness)).text, 'Id')).toEqual([]);
  });

  it('gets names for rules without one', async () => {
    const { harness } = notifying();
    await harness.ask('PUT', '/box');
    await put(harness, rule('Queue'));
    expect(one((await get(harness)).text, 'Id')).toMatch(/^[0-9a-f]{32}$/);
  });

  it.each([
    ['an unknown target', rule('Queue', { arn: 'arn:torc:sqs:us-east-1:main:nowhere' })],
    ['no ARN', rule('Queue', { arn: 'hook' })],
    ['an unknown event', rule('Queue', { events: ['s3:ObjectCreated:Fly'] })],
    ['a strange filter', rule('Queue', { filter: filter(['infix', 'x']) })],
    ['two prefixes', rule('Queue', { filter: filter(['prefix', 'x'], ['Prefix', 'y']) })],
    ['a long filter', rule('Queue', { filter: filter(['prefix', 'x'.repeat(1025)]) })],
    [
      'one name twice',
      rule('Queue', { id: 'a', events: ['s3:ObjectCreated:Put'] }) +
        rule('Topic', { id: 'a', events: ['s3:ObjectRemoved:Delete'] }),
    ],
    [
      'rules that overlap',
      rule('Queue', { filter: filter(['prefix', 'a/']) }) +
        rule('Queue', { events: ['s3:ObjectCreated:Put'], filter: filter(['prefix', 'a/b']) }),
    ],
  ])('with %s is refused', async (_what, inside) => {
    const { harness } = notifying();
    await harness.ask('PUT', '/box');
    const answer = await put(harness, inside);
    expect([answer.status, answer.code]).toEqual([400, 'InvalidArgument']);
    expect(all((await get(harness)).text, 'Id')).toEqual([]);
  });

  it.each([
    ['no event', rule('Queue', { events: [] })],
    ['no target', '<QueueConfiguration><Event>s3:ObjectCreated:*</Event></QueueConfiguration>'],
    ['something unknown', '<Other/>'],
  ])('with %s is malformed', async (_what, inside) => {
    const { harness } = notifying();
    await harness.ask('PUT', '/box');
    expect((await put(harness, inside)).code).toBe('MalformedXML');
  });

  it('may have rules that part by prefix, suffix or event', async () => {
    const { harness } = notifying();
    await harness.ask('PUT', '/box');
    const inside =
      rule('Queue', { filter: filter(['prefix', 'a/']) }) +
      rule('Queue', { filter: filter(['prefix', 'b/']) }) +
      rule('Queue', { events: ['s3:ObjectRemoved:Delete'] });
    expect((await put(harness, inside)).status).toBe(200);
  });

  it('needs a target that answers, unless the client does not want to know', async () => {
    const { harness } = notifying(true);
    await harness.ask('PUT', '/box');
    expect((await put(harness, rule('Queue'))).code).toBe('InvalidArgument');
    const skip = { 'x-amz-skip-destination-validation': 'true' };
    expect((await put(harness, rule('Queue'), skip)).status).toBe(200);
  });

  it('EventBridge is refused', async () => {
    const { harness } = notifying();
    await harness.ask('PUT', '/box');
    expect((await put(harness, '<EventBridgeConfiguration/>')).status).toBe(501);
  });

  it('a stranger makes the server send nothing', async () => {
    const { harness, sent } = notifying();
    await harness.ask('PUT', '/box');
    const body = `<NotificationConfiguration>${rule('Queue')}</NotificationConfiguration>`;
    const answer = await harness.ask('PUT', '/box', {
      query: { notification: '' },
      body,
      anonymous: true,
    });
    expect(answer.status).toBe(403);
    expect(sent).toEqual([]);
  });
});

interface Shown {
  readonly eventName: string;
  readonly s3: { readonly object: Readonly<Record<string, string | number | undefined>> };
}

describe('records', () => {
  async function recordsOf(harness: Harness): Promise<readonly Shown[]> {
    const source = memoryFeeds(harness.rows);
    const render = createEventRenderer(users, 'us-east-1');
    const found: Shown[] = [];
    for (const feed of await source.backlogs('hook')) {
      for (const event of await source.events(feed, 100)) {
        const message = render(feed, event);
        if (message !== undefined)
          found.push(JSON.parse(Buffer.from(message).toString()).Records[0]);
      }
    }
    return found;
  }

  it('say what happened as Amazon does', async () => {
    const { harness } = notifying();
    await harness.ask('PUT', '/box');
    const versioning =
      '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
    await harness.ask('PUT', '/box', { query: { versioning: '' }, body: versioning });
    const events = ['s3:ObjectCreated:*', 's3:ObjectRemoved:*', 's3:ObjectTagging:*'];
    await put(harness, rule('Queue', { id: 'all', events }));
    const made = await harness.ask('PUT', '/box/a b/ü+.txt', { body: 'hello' });
    const tags = '<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>';
    await harness.ask('PUT', '/box/a b/ü+.txt', { query: { tagging: '' }, body: tags });
    await harness.ask('PUT', '/box/copy', {
      headers: { 'x-amz-copy-source': '/box/a%20b/%C3%BC%2B.txt' },
    });
    const gone = await harness.ask('DELETE', '/box/copy');
    const records = await recordsOf(harness);
    expect(records.map((record) => record.eventName)).toEqual([
      'ObjectCreated:Put',
      'ObjectTagging:Put',
      'ObjectCreated:Copy',
      'ObjectRemoved:DeleteMarkerCreated',
    ]);
    expect(records[0]).toMatchObject({
      eventVersion: '2.1',
      eventSource: 'aws:s3',
      awsRegion: 'us-east-1',
      userIdentity: { principalId: 'AUTH_one:root' },
      requestParameters: { sourceIPAddress: '127.0.0.1' },
      responseElements: { 'x-amz-request-id': made.headers.get('x-amz-request-id') },
      s3: {
        s3SchemaVersion: '1.0',
        configurationId: 'all',
        bucket: {
          name: 'box',
          ownerIdentity: { principalId: 'id-of-AUTH_one' },
          arn: 'arn:aws:s3:::box',
        },
        object: {
          key: 'a+b/%C3%BC%2B.txt',
          size: 5,
          eTag: '5d41402abc4b2a76b9719d911017c592',
          versionId: made.headers.get('x-amz-version-id'),
        },
      },
    });
    expect(records[3]?.s3.object['versionId']).toBe(gone.headers.get('x-amz-version-id'));
    expect(records[3]?.s3.object['size']).toBeUndefined();
    const sequence = records.map((record) => String(record.s3.object['sequencer']));
    expect(sequence).toEqual(sequence.toSorted());
  });

  it('tell forms and parts apart from plain writes', async () => {
    const { harness } = notifying();
    await harness.ask('PUT', '/box');
    await put(harness, rule('Queue', { events: ['s3:ObjectCreated:CompleteMultipartUpload'] }));
    await harness.ask('PUT', '/box/plain', { body: 'x' });
    const started = await harness.ask('POST', '/box/parts', { query: { uploads: '' } });
    const uploadId = one(started.text, 'UploadId') ?? '';
    const part = await harness.ask('PUT', '/box/parts', {
      query: { uploadId, partNumber: '1' },
      body: 'part',
    });
    const listed = `<Part><PartNumber>1</PartNumber><ETag>${part.headers.get('etag')}</ETag></Part>`;
    await harness.ask('POST', '/box/parts', {
      query: { uploadId },
      body: `<CompleteMultipartUpload>${listed}</CompleteMultipartUpload>`,
    });
    const records = await recordsOf(harness);
    expect(records.map((record) => [record.eventName, record.s3.object['key']])).toEqual([
      ['ObjectCreated:CompleteMultipartUpload', 'parts'],
    ]);
  });
});
