import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../memory/ports.ts';
import { writeInventory } from '../../../../server/s3/inventory/report.ts';
import { nextReportAt } from '../../../../server/s3/inventory/schedule.ts';
import { type Answer, type Harness, all, createHarness, one, other } from '../harness.ts';

const DAY = 24 * 3_600_000;

interface More {
  readonly id?: string;
  readonly versions?: 'All' | 'Current';
  readonly bucket?: string;
  readonly fields?: readonly string[];
  readonly format?: string;
  readonly isEnabled?: boolean;
  readonly rest?: string;
}

function markup(more: More = {}): string {
  const { id = 'daily', versions = 'Current', bucket = 'arn:aws:s3:::reports' } = more;
  const { fields = [], format = 'CSV', isEnabled = true, rest = '' } = more;
  const list = fields.map((field) => `<Field>${field}</Field>`).join('');
  return `<Destination><S3BucketDestination><Format>${format}</Format><Bucket>${bucket}</Bucket><Prefix>inv</Prefix></S3BucketDestination></Destination><IsEnabled>${isEnabled}</IsEnabled><Id>${id}</Id><IncludedObjectVersions>${versions}</IncludedObjectVersions>${list === '' ? '' : `<OptionalFields>${list}</OptionalFields>`}<Schedule><Frequency>Daily</Frequency></Schedule>${rest}`;
}

function put(h: Harness, more: More = {}): Promise<Answer> {
  const body = `<InventoryConfiguration>${markup(more)}</InventoryConfiguration>`;
  const query = { inventory: '', id: more.id ?? 'daily' };
  return h.ask('PUT', '/box', { query, body });
}

async function scene(): Promise<Harness> {
  const h = createHarness();
  await h.ask('PUT', '/box');
  await h.ask('PUT', '/reports');
  return h;
}

/** Writes what is due, as the worker does. */
async function report(h: Harness): Promise<readonly (number | undefined)[]> {
  const due = h.rows
    .rowsOf('queue')
    .filter(({ key, row }) => row.type === 'report' && key.dueAt <= h.clock.now());
  const next: (number | undefined)[] = [];
  for (const { row } of due) {
    if (row.type !== 'report') continue;
    const container = h.rows.peek('container', { containerId: row.containerId });
    if (container === undefined) continue;
    const parts = { core: h.core, clock: h.clock, random: seededRandom('r'), dayMillis: DAY };
    next.push(await writeInventory(parts, { container, name: row.name, token: row.token }));
  }
  return next;
}

async function rowsOf(h: Harness): Promise<{ schema: string; rows: string[][] }> {
  const keys = all((await h.ask('GET', '/reports')).text, 'Key');
  const manifestKey = keys.find((key) => key.endsWith('manifest.json')) ?? '';
  const manifest = JSON.parse((await h.ask('GET', `/reports/${manifestKey}`)).text);
  const { bytes, headers } = await h.ask('GET', `/reports/${manifest.files[0].key}`);
  expect(headers.get('etag')).toBe(`"${manifest.files[0].MD5checksum}"`);
  expect(bytes.length).toBe(manifest.files[0].size);
  const text = gunzipSync(bytes).toString('utf8');
  const lines = text === '' ? [] : text.trimEnd().split('\n');
  const rows = lines.map((line) => line.slice(1, -1).split('","'));
  return { schema: manifest.fileSchema, rows };
}

describe('inventory configurations', () => {
  it('come back one by one and together, and go', async () => {
    const h = await scene();
    const get = (id?: string): Promise<Answer> =>
      h.ask('GET', '/box', { query: { inventory: '', ...(id === undefined ? {} : { id }) } });
    expect(all((await get()).text, 'Id')).toEqual([]);
    expect((await get('daily')).code).toBe('NoSuchConfiguration');
    await put(h);
    await put(h, { id: 'other', versions: 'All', fields: ['Size', 'ETag'] });
    expect((await get('daily')).text).toContain(markup());
    expect(all((await get()).text, 'Id')).toEqual(['daily', 'other']);
    expect(one((await get()).text, 'IsTruncated')).toBe('false');
    const query = { inventory: '', id: 'daily' };
    expect((await h.ask('DELETE', '/box', { query })).status).toBe(204);
    expect((await h.ask('DELETE', '/box', { query })).status).toBe(404);
    expect(all((await get()).text, 'Id')).toEqual(['other']);
  });

  it.each([
    [{ bucket: 'arn:aws:s3:::absent' }, 'InvalidS3DestinationBucket'],
    [{ bucket: 'arn:aws:s3:::foreign' }, 'InvalidS3DestinationBucket'],
    [{ bucket: 'reports' }, 'InvalidArgument'],
    [{ format: 'Parquet' }, 'NotImplemented'],
    [{ fields: ['ObjectOwner'] }, 'NotImplemented'],
    [{ fields: ['Colour'] }, 'MalformedXML'],
    [{ rest: '<Unknown/>' }, 'MalformedXML'],
  ] as const)('with %j are refused', async (more, code) => {
    const h = await scene();
    await h.ask('PUT', '/foreign', { sign: { key: other } });
    expect((await put(h, more)).code).toBe(code);
    expect(h.rows.rowsOf('queue').filter(({ row }) => row.type === 'report')).toEqual([]);
  });
});

describe('reports', () => {
  it('list the current objects when the day turns, and the next day again', async () => {
    const h = await scene();
    await h.ask('PUT', '/box/a "b",ü', { body: 'hello' });
    await h.ask('PUT', '/box/z', { body: '' });
    await put(h, { fields: ['ETag', 'Size', 'StorageClass', 'EncryptionStatus'] });
    expect(await report(h)).toEqual([]);
    h.clock.advance(DAY);
    const [next] = await report(h);
    expect(next).toBe((Math.floor(h.clock.now() / DAY) + 1) * DAY);
    const { schema, rows } = await rowsOf(h);
    expect(schema).toBe('Bucket, Key, Size, ETag, StorageClass, EncryptionStatus');
    expect(rows).toEqual([
      [
        'box',
        'a%20%22b%22%2C%C3%BC',
        '5',
        '5d41402abc4b2a76b9719d911017c592',
        'STANDARD',
        'NOT-SSE',
      ],
      ['box', 'z', '0', 'd41d8cd98f00b204e9800998ecf8427e', 'STANDARD', 'NOT-SSE'],
    ]);
  });

  it('list versions and markers where that is asked for, however many pages', async () => {
    const h = await scene();
    const body = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
    await h.ask('PUT', '/box', { query: { versioning: '' }, body });
    for (let count = 0; count < 3; count++) await h.ask('PUT', '/box/k', { body: 'x' });
    await h.ask('DELETE', '/box/k');
    await put(h, { versions: 'All', fields: ['Size'] });
    h.clock.advance(DAY);
    await report(h);
    const { schema, rows } = await rowsOf(h);
    expect(schema).toBe('Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size');
    expect(rows.map((row) => row.slice(3))).toEqual([
      ['true', 'true', ''],
      ['false', 'false', '1'],
      ['false', 'false', '1'],
      ['false', 'false', '1'],
    ]);
  });

  it('are not written for what was deleted, replaced or switched off', async () => {
    const h = await scene();
    await put(h);
    await put(h);
    await put(h, { id: 'off', isEnabled: false });
    await put(h, { id: 'gone' });
    await h.ask('DELETE', '/box', { query: { inventory: '', id: 'gone' } });
    h.clock.advance(DAY);
    const next = await report(h);
    expect(next.filter((at) => at !== undefined)).toHaveLength(1);
    const keys = all((await h.ask('GET', '/reports')).text, 'Key');
    expect(keys.filter((key) => key.endsWith('manifest.json'))).toHaveLength(1);
  });

  it('of a week come on Sundays', () => {
    const at = (text: string): number => Date.parse(text);
    const next = (text: string): string =>
      new Date(nextReportAt(at(text), 'weekly', DAY)).toISOString();
    expect(next('2026-01-01T12:00:00Z')).toBe('2026-01-04T00:00:00.000Z');
    expect(next('2026-01-04T00:00:00Z')).toBe('2026-01-11T00:00:00.000Z');
  });
});

it('configurations without effect are kept; those that would have one are refused', async () => {
  const h = await scene();
  const ask = (marker: string, root: string, inside: string): Promise<Answer> =>
    h.ask('PUT', '/box', {
      query: { [marker]: '', id: 'one' },
      body: `<${root}><Id>one</Id>${inside}</${root}>`,
    });
  const metrics = '<Filter><Prefix>a/</Prefix></Filter>';
  expect((await ask('metrics', 'MetricsConfiguration', metrics)).status).toBe(200);
  const shown = await h.ask('GET', '/box', { query: { metrics: '', id: 'one' } });
  expect(shown.text).toContain(`<Id>one</Id>${metrics}`);
  const analysis = '<StorageClassAnalysis></StorageClassAnalysis>';
  expect((await ask('analytics', 'AnalyticsConfiguration', analysis)).status).toBe(200);
  const exporting = '<StorageClassAnalysis><DataExport/></StorageClassAnalysis>';
  expect((await ask('analytics', 'AnalyticsConfiguration', exporting)).status).toBe(501);
  expect((await ask('intelligent-tiering', 'IntelligentTieringConfiguration', '')).status).toBe(
    501,
  );
  const accelerate = (status: string): Promise<Answer> =>
    h.ask('PUT', '/box', {
      query: { accelerate: '' },
      body: `<AccelerateConfiguration><Status>${status}</Status></AccelerateConfiguration>`,
    });
  expect((await accelerate('Enabled')).status).toBe(501);
  expect((await accelerate('Suspended')).status).toBe(200);
  const accelerated = await h.ask('GET', '/box', { query: { accelerate: '' } });
  expect(one(accelerated.text, 'Status')).toBe('Suspended');
});
