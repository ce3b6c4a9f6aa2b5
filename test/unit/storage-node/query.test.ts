import { expect, it } from 'vitest';
import { utf8 } from '../../../base/bytes.ts';
import { decodeQuery, encodeQuery } from '../../../server/storage-node/handlers/shard-head.ts';
import type { ListQuery } from '../../../storage/shard/shard.ts';

/** Every member of a listing's query: a new one does not compile here before it is added. */
const whole: Required<ListQuery> = {
  region: Uint8Array.of(1, 2, 3),
  prefix: utf8('p'),
  delimiter: utf8('/'),
  after: utf8('a'),
  afterSuffix: Uint8Array.of(0, 255),
  before: utf8('z'),
  beforeSuffix: Uint8Array.of(255, 0),
  reverse: true,
  limit: 7,
};

it('a listing is asked of another machine as it is', () => {
  const { afterSuffix: _after, beforeSuffix: _before, ...rest } = whole;
  const least: ListQuery = { ...rest, after: undefined, before: undefined, reverse: false };
  for (const query of [whole, least]) {
    const head: unknown = JSON.parse(JSON.stringify(encodeQuery(query)));
    expect(decodeQuery(head as ReturnType<typeof encodeQuery>)).toEqual(query);
  }
});
