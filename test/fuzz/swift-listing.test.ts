import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareUtf8 } from '../../base/bytes.ts';
import { collectListing } from '../../server/swift/listing/collect.ts';
import { readListingParameters } from '../../server/swift/listing/parameters.ts';
import { chooseFormat } from '../../server/swift/listing/format.ts';
import { Query } from '../../server/swift/query.ts';
import { Refusal } from '../../server/swift/reply.ts';
import { SortedRows } from '../memory/listing.ts';

interface Parameters {
  readonly marker: string;
  readonly endMarker: string;
  readonly prefix: string;
  readonly delimiter: string;
  readonly path: string | undefined;
  readonly reverse: boolean;
  readonly limit: number;
}

/** Swift's `ContainerBroker.list_objects_iter` over a sorted array, told without seeks. */
function modelListing(names: readonly string[], parameters: Parameters): string[] {
  const { reverse, limit } = parameters;
  const [low, high] = reverse
    ? [parameters.endMarker, parameters.marker]
    : [parameters.marker, parameters.endMarker];
  const level = parameters.path === undefined ? undefined : parameters.path.replace(/\/+$/, '');
  const path = parameters.path === '' ? '' : level === undefined ? undefined : `${level}/`;
  const prefix = path ?? parameters.prefix;
  const delimiter = path === undefined ? parameters.delimiter : '/';
  const wanted = names
    .filter((name) => name.startsWith(prefix))
    .filter((name) => low === '' || compareUtf8(name, low) > 0)
    .filter((name) => high === '' || compareUtf8(name, high) < 0)
    .toSorted(compareUtf8);
  const shown: string[] = [];
  for (const name of reverse ? wanted.toReversed() : wanted) {
    const at = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    const end = at + delimiter.length;
    if (path !== undefined) {
      if (name !== path && (at < 0 || name.length <= end)) shown.push(`row ${name}`);
      continue;
    }
    const group = at < 0 ? undefined : name.slice(0, end);
    if (group === undefined) shown.push(`row ${name}`);
    else if (group !== low && shown.at(-1) !== `group ${group}`) shown.push(`group ${group}`);
  }
  return shown.slice(0, limit);
}

function queryOf(parameters: Parameters): Query {
  const text = new URLSearchParams({
    marker: parameters.marker,
    end_marker: parameters.endMarker,
    prefix: parameters.prefix,
    delimiter: parameters.delimiter,
    limit: String(parameters.limit),
    reverse: parameters.reverse ? 'on' : '',
    ...(parameters.path === undefined ? {} : { path: parameters.path }),
  });
  return new Query(text.toString());
}

/** Few characters, so that prefixes, groups and markers meet; one below and one above the surrogates, where JavaScript sorts wrongly. */
const character = fc.constantFrom('a', 'b', '/', '/', '-', '\uFF21', '\u{1F600}');
const name = fc.array(character, { minLength: 1, maxLength: 6 }).map((list) => list.join(''));
const bound = fc.oneof(fc.constant(''), name);

const parameters: fc.Arbitrary<Parameters> = fc.record({
  marker: bound,
  endMarker: bound,
  prefix: fc.oneof({ weight: 3, arbitrary: fc.constant('') }, { weight: 1, arbitrary: name }),
  delimiter: fc.constantFrom('', '/', '/', '-', 'a/', '\u{1F600}'),
  path: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: bound }),
  reverse: fc.boolean(),
  limit: fc.integer({ min: 0, max: 12 }),
});

describe('Swift listings', () => {
  it('equal the sorted-array model for every parameter and core page size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(name, { maxLength: 40 }),
        parameters,
        fc.integer({ min: 1, max: 5 }),
        async (names, asked, maxPageItems) => {
          const rows = new SortedRows<number>();
          for (const [row, key] of names.entries()) rows.put({ name: key, suffix: '', row });
          const read = readListingParameters(queryOf(asked));
          const items = await collectListing(read, maxPageItems, (query) =>
            Promise.resolve(rows.page(query, {})),
          );
          const shown = items.map((item) => `${item.type} ${item.name}`);
          expect(shown).toEqual(modelListing(names, asked));
        },
      ),
      { numRuns: 1500, seed: 20_261_124 },
    );
  });

  it('pages that follow each other by marker show every item once, in both orders', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(name, { maxLength: 30 }),
        fc.constantFrom('', '/', 'a/'),
        fc.boolean(),
        fc.integer({ min: 1, max: 4 }),
        async (names, delimiter, reverse, limit) => {
          const base = { endMarker: '', prefix: '', path: undefined, delimiter, reverse };
          const rows = new SortedRows<number>();
          for (const [row, key] of names.entries()) rows.put({ name: key, suffix: '', row });
          const seen: string[] = [];
          let marker = '';
          for (;;) {
            const read = readListingParameters(queryOf({ ...base, marker, limit }));
            const items = await collectListing(read, 3, (query) =>
              Promise.resolve(rows.page(query, {})),
            );
            seen.push(...items.map((item) => `${item.type} ${item.name}`));
            if (items.length === 0) break;
            marker = items.at(-1)?.name ?? '';
          }
          expect(seen).toEqual(modelListing(names, { ...base, marker: '', limit: 1000 }));
        },
      ),
      { numRuns: 300, seed: 7 },
    );
  });

  it('parameters never throw anything but a refusal', () => {
    const piece = fc.oneof(
      fc.constantFrom('limit', 'marker', 'prefix', 'path', 'reverse', 'format', '=', '&', '%'),
      fc.constantFrom('%ff', '%00', '+', '5', '99999999999999999999', 'json', '%E2%98%83'),
      fc.string({ maxLength: 4 }),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.string({ maxLength: 20 }),
        (list, accept) => {
          for (const read of [
            () => readListingParameters(new Query(list.join(''))),
            () => chooseFormat(new Query(list.join('')), new Map([['accept', accept]])),
          ]) {
            try {
              read();
            } catch (error) {
              expect(error).toBeInstanceOf(Refusal);
            }
          }
        },
      ),
      { numRuns: 1500, seed: 3 },
    );
  });
});
