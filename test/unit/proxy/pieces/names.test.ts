/** Whatever is done to names while a container is divided has the same outcome as in one piece, and the same sums. */
import { describe, expect, it } from 'vitest';
import { compareUtf8 } from '../../../../base/bytes.ts';
import { isStoreError } from '../../../../base/errors.ts';
import { type Id, type Versioning, versionIdOf } from '../../../../server/core/model.ts';
import { ClusterRows } from '../../../../server/proxy/rows.ts';
import { pour } from '../../../memory/pour.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { kindOf } from '../../core/fixture.ts';
import {
  containerId,
  createScene,
  divide,
  pieceId,
  putOf,
  rowsOfPieces,
  type Scene,
} from './scene.ts';

const names = ['a', 'a/\u0000', 'b', 'b/1', 'k', 'k\u{1F600}', 'k\u{FF5E}', 'z', '\u{10FFFF}'];

/** What two scenes must agree on: stamps differ, for who is sent elsewhere asks again. */
async function outcomeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    if (isStoreError(error)) return error.kind;
    throw error;
  }
}

const uploadId = (number: number): Id => number.toString(16).padStart(32, '0');

type Op = (rows: ClusterRows, id: Id) => Promise<unknown>;

/** One step of a client; the same in both scenes. */
function drawOp(random: SeededRandom, key: string, step: number): Op {
  const upload = { key, uploadId: uploadId(random.below(6)) };
  const text = `${step}`.repeat(1 + random.below(3));
  const ops: readonly Op[] = [
    async (rows, id) => {
      const { row, replaced } = await rows.execute({ ...putOf(key, text), containerId: id });
      return [row.etag, replaced];
    },
    async (rows, id) => {
      const condition = {};
      const deletion = { type: 'object.delete', containerId: id, key, condition } as const;
      const { deleted, marker, current } = await rows.execute(deletion);
      return [deleted?.etag, marker?.kind, current?.etag];
    },
    async (rows, id) => {
      const found = await rows.getWithBody('current', { containerId: id, key });
      return [found?.row.etag, found?.body?.toString()];
    },
    async (rows, id) => {
      const query = { prefix: key, delimiter: '', after: undefined, before: undefined };
      const page = await rows.listVersions(id, { ...query, reverse: true, limit: 9 });
      const oldest = page.items.find(({ name }) => name === key);
      if (oldest?.type !== 'row') return undefined;
      const versionId = versionIdOf(oldest.row);
      const deletion = {
        type: 'object.delete',
        containerId: id,
        key,
        versionId,
        condition: {},
      } as const;
      return (await rows.execute(deletion)).deleted?.etag;
    },
    async (rows, id) => {
      if ((await rows.get('upload', { containerId: id, ...upload })) !== undefined)
        return undefined;
      const about = { contentType: 'text/plain', system: {}, user: {} };
      const begin = { uploadId: upload.uploadId, ...about };
      await rows.execute({ type: 'upload.create', containerId: id, key, upload: begin });
      return 'created';
    },
    async (rows, id) => {
      const partNumber = 1 + random.below(3);
      const inline = Buffer.from(text);
      const part = { partNumber, size: inline.length, etag: 'ab'.repeat(16), checksums: [] };
      const body = { type: 'inline' } as const;
      const put = { type: 'upload.put-part', containerId: id, ...upload, inline } as const;
      return (await rows.execute({ ...put, part: { ...part, body } })).size;
    },
    async (rows, id) => {
      const { parts } = await rows.listParts({ containerId: id, ...upload }, 0, 10);
      const listed = parts.map(({ partNumber, etag }) => ({ partNumber, etag }));
      const complete = {
        type: 'upload.complete',
        containerId: id,
        ...upload,
        parts: listed,
      } as const;
      const { row } = await rows.execute({ ...complete, minPartBytes: 0, condition: {} });
      return [parts.length, row.size];
    },
    async (rows, id) => rows.execute({ type: 'upload.abort', containerId: id, ...upload }),
    async (rows, id) => {
      const { parts, truncated } = await rows.listParts({ containerId: id, ...upload }, 1, 1);
      return [parts.map(({ size }) => size), truncated];
    },
  ];
  return random.pick([...ops, ops[0] ?? random.pick(ops)]);
}

/** The container, or a piece of it that begins no later than the name. */
function drawId(random: SeededRandom, { shards }: Scene, key: string): Id {
  const ids: Id[] = [containerId];
  for (const { piece } of rowsOfPieces(shards)) {
    const next = piece?.next;
    if (next !== undefined && piece?.to !== undefined && compareUtf8(piece.to, key) <= 0)
      ids.push(next);
  }
  return random.pick(ids);
}

async function compare(seed: number, versioning: Versioning): Promise<void> {
  const whole = await createScene({ shards: 1, versioning });
  const divided = await createScene({ versioning });
  const random = new SeededRandom(seed);
  let pieces = 0;
  divided.shards.hook = () => {
    if (!random.chance(0.1)) return;
    const giver = random.pick([
      containerId,
      ...Array.from({ length: pieces }, (_, at) => pieceId(at + 1)),
    ]);
    const isNew = random.chance(0.4) && pieces < 8;
    if (pour(divided.shards, giver, random.pick(names), isNew ? pieceId(pieces + 1) : undefined)) {
      if (isNew) pieces++;
    }
  };
  let rows = divided.rows;
  for (let step = 0; step < 60; step++) {
    const key = random.pick(names);
    const seedOfOp = random.uint32();
    const draw = (): Op => drawOp(new SeededRandom(seedOfOp), key, step);
    const expected = await outcomeOf(draw()(whole.rows, containerId));
    if (random.chance(0.1)) rows = new ClusterRows(divided.shards, divided.clock);
    const found = await divided.run(outcomeOf(draw()(rows, drawId(random, divided, key))));
    expect(found).toEqual(expected);
    const { isPart: _, ...sums } = await rows.usage(containerId);
    expect(sums).toEqual(await whole.rows.usage(containerId));
  }
}

describe('names of a container that is being divided', () => {
  it('hold what they would hold in one piece', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      await compare(seed, (['off', 'enabled', 'suspended'] as const)[seed % 3] ?? 'off');
    }
  });

  it('are asked for where they are, and moved on while they are read', async () => {
    const { shards, rows, run } = await createScene();
    await run(rows.execute(putOf('k')));
    divide(shards, 'b');
    let calls = 0;
    shards.hook = ({ type, when }) => {
      // Between the finding of the row and the reading of its bytes the name goes over.
      if (type === 'get' && when === 'before' && ++calls === 3)
        pour(shards, pieceId(1), 'c', pieceId(2));
    };
    const found = await run(rows.getWithBody('current', { containerId, key: 'k' }));
    expect(found?.body?.toString()).toBe('k');
    expect(calls).toBeGreaterThan(3);
  });
});

describe('a renaming', () => {
  const rename = (source: string, key: string) =>
    ({
      type: 'object.rename',
      containerId,
      key,
      source,
      sourceCondition: {},
      condition: {},
    }) as const;

  it('is done within a piece, and refused between two', async () => {
    const { shards, rows, run } = await createScene();
    for (const name of ['a', 'k']) await run(rows.execute(putOf(name)));
    divide(shards, 'h');
    expect(await run(kindOf(rows.execute(rename('a', 'z'))))).toBe('not-implemented');
    expect(await run(kindOf(rows.execute(rename('k', 'b'))))).toBe('not-implemented');
    await run(rows.execute(rename('k', 'z')));
    await run(rows.execute(rename('a', 'b')));
    for (const [name, key] of [
      ['a', 'b'],
      ['k', 'z'],
    ] as const) {
      expect(await run(rows.get('current', { containerId, key: name }))).toBeUndefined();
      expect((await run(rows.get('current', { containerId, key })))?.etag).toBe(`e-${name}`);
    }
    expect((await run(rows.usage(containerId))).objects).toBe(2);
  });
});
