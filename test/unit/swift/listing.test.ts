import { describe, expect, it } from 'vitest';
import { formatIso } from '../../../base/calendar/civil-date.ts';
import { micros } from '../../../base/units.ts';
import { chooseFormat, type ListingType } from '../../../server/swift/listing/format.ts';
import { readListingParameters } from '../../../server/swift/listing/parameters.ts';
import { type ListingDocument, renderListing } from '../../../server/swift/listing/render.ts';
import { Query } from '../../../server/swift/query.ts';
import { Refusal } from '../../../server/swift/reply.ts';
import { formatLastModified, formatTimestamp } from '../../../server/swift/timestamps.ts';

function refusalOf(run: () => unknown): number | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.reply.status;
    throw error;
  }
}

const container: ListingDocument = {
  root: 'container',
  name: 'c & "d"',
  entries: [
    { subdir: 'a<b>/' },
    {
      name: 'ob\u0001j\u00e9\r',
      hash: 'd41d8cd98f00b204e9800998ecf8427e',
      bytes: 0,
      content_type: 'text/plain; a="b"',
      last_modified: '2026-11-24T00:13:14.123450',
    },
  ],
};

const account: ListingDocument = {
  root: 'account',
  name: 'AUTH_test',
  entries: [
    { subdir: 'x-' },
    {
      name: 'c1',
      count: 2,
      bytes: 30,
      last_modified: '2026-11-24T00:13:14.000000',
      storage_policy: 'ec:4+2',
    },
  ],
};

function render(document: ListingDocument, type: ListingType): string {
  const bytes = renderListing(document, { type, contentType: type, varies: false });
  return Buffer.from(bytes).toString('utf8');
}

describe('listing documents', () => {
  it('are written as Swift writes a container', () => {
    expect(render(container, 'text/plain')).toBe('a<b>/\nob\u0001j\u00e9\r\n');
    expect(render(container, 'application/json')).toBe(
      '[{"subdir":"a<b>/"},{"name":"ob\\u0001j\u00e9\\r","hash":"d41d8cd98f00b204e9800998ecf8427e",' +
        '"bytes":0,"content_type":"text/plain; a=\\"b\\"","last_modified":"2026-11-24T00:13:14.123450"}]',
    );
    expect(render(container, 'application/xml')).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n<container name="c &amp; &quot;d&quot;">' +
        '<subdir name="a&lt;b&gt;/"><name>a&lt;b&gt;/</name></subdir>' +
        '<object><name>ob&#1;j\u00e9&#13;</name><hash>d41d8cd98f00b204e9800998ecf8427e</hash>' +
        '<bytes>0</bytes><content_type>text/plain; a="b"</content_type>' +
        '<last_modified>2026-11-24T00:13:14.123450</last_modified></object></container>',
    );
  });

  it('are written as Swift writes an account', () => {
    expect(render(account, 'text/plain')).toBe('x-\nc1\n');
    expect(render(account, 'text/xml')).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n<account name="AUTH_test">\n<subdir name="x-" />\n' +
        '<container><name>c1</name><count>2</count><bytes>30</bytes>' +
        '<last_modified>2026-11-24T00:13:14.000000</last_modified>' +
        '<storage_policy>ec:4+2</storage_policy></container>\n</account>',
    );
  });

  it('are empty in the right way', () => {
    const none = { ...container, name: 'c', entries: [] };
    expect(render(none, 'text/plain')).toBe('');
    expect(render(none, 'application/json')).toBe('[]');
    expect(render(none, 'application/xml')).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n<container name="c" />',
    );
  });
});

describe('formats', () => {
  const choose = (query: string, accept?: string): string =>
    chooseFormat(new Query(query), new Map(accept === undefined ? [] : [['accept', accept]])).type;

  it('are asked for by parameter first, then by Accept', () => {
    expect(choose('')).toBe('text/plain');
    expect(choose('format=JSON', 'text/xml')).toBe('application/json');
    expect(choose('format=nonsense', 'application/json')).toBe('text/plain');
    expect(choose('format=', 'application/json')).toBe('application/json');
    expect(choose('', '*/*')).toBe('text/plain');
    expect(choose('', 'application/*')).toBe('application/json');
    expect(choose('', 'text/xml')).toBe('text/xml');
    expect(choose('', 'application/json;q=0.2, application/xml ; q=0.9, image/png')).toBe(
      'application/xml',
    );
    expect(choose('', '*/*, application/xml')).toBe('application/xml');
  });

  it('are refused when unknown or malformed', () => {
    expect(refusalOf(() => choose('', 'image/png'))).toBe(406);
    for (const accept of ['plain', 'text/plain;q', 'text/plain;q=x', 'a/b;q=1;q=1', ',']) {
      expect([accept, refusalOf(() => choose('', accept))]).toEqual([accept, 400]);
    }
  });
});

describe('parameters', () => {
  const read = (query: string): ReturnType<typeof readListingParameters> =>
    readListingParameters(new Query(query));

  it('have limits', () => {
    expect(read('').page.limit).toBe(10_000);
    expect(read('limit=10000').page.limit).toBe(10_000);
    expect(read('limit=5000.0').page.limit).toBe(10_000);
    expect(read('limit=-1').page.limit).toBe(10_000);
    expect(read('limit=0').page.limit).toBe(0);
    expect(refusalOf(() => read('limit=10001'))).toBe(412);
    expect(refusalOf(() => read('marker=%ff'))).toBe(400);
  });

  it('swap the markers in reverse', () => {
    expect(read('marker=a&end_marker=b').page).toMatchObject({ after: 'a', before: 'b' });
    expect(read('marker=b&end_marker=a&reverse=yes').page).toMatchObject({
      after: 'a',
      before: 'b',
      reverse: true,
    });
  });

  it('read path as one level', () => {
    expect(read('path=')).toMatchObject({ path: '', page: { prefix: '', delimiter: '/' } });
    expect(read('path=/')).toMatchObject({ path: '/', page: { prefix: '/' } });
    expect(read('path=a/b//&prefix=x')).toMatchObject({ path: 'a/b/', page: { prefix: 'a/b/' } });
  });
});

describe('timestamps', () => {
  it('have five decimals, six, or whole seconds rounded up', () => {
    const stamp = micros(1_795_479_194_123_450);
    expect(formatTimestamp(stamp)).toBe('1795479194.12345');
    expect(formatIso(stamp)).toBe('2026-11-24T00:13:14.123450');
    expect(formatLastModified(stamp)).toBe('Tue, 24 Nov 2026 00:13:15 GMT');
    const whole = micros(1_795_479_194_000_000);
    expect(formatTimestamp(whole)).toBe('1795479194.00000');
    expect(formatIso(whole)).toBe('2026-11-24T00:13:14.000000');
    expect(formatLastModified(whole)).toBe('Tue, 24 Nov 2026 00:13:14 GMT');
    expect(formatTimestamp(micros(10))).toBe('0000000000.00001');
  });
});
