/** The listings that the doors show, of containers that are divided while they are shown. */
import { describe, expect, it } from 'vitest';
import { compareUtf8 } from '../../../../base/bytes.ts';
import type { Core } from '../../../../server/core/api.ts';
import { type Id, type VersionRow, versionIdOf } from '../../../../server/core/model.ts';
import type { Page, PageQuery } from '../../../../server/core/ports.ts';
import { ClusterRows } from '../../../../server/proxy/rows.ts';
import { pour } from '../../../memory/pour.ts';
import { type Hook, MemoryShards } from '../../../memory/shards.ts';
import { SimClock } from '../../../sim/clock.ts';
import { SeededRandom } from '../../../sim/random.ts';
import {
  account,
  createContainer,
  createFixture,
  owner,
  putCommand,
  text,
} from '../../core/fixture.ts';
import { pieceId } from './scene.ts';

const keys = 'a,a/1,a/2,a//b,b,b/1/x,b/2,k,k\u{FF5E},k\u{1F600},m/1,m/2,m/3,z,z/\u{10FFFF}'.split(
  ',',
);
const at = { account, container: 'c' };

interface World {
  readonly core: Core;
  readonly shards: MemoryShards;
  readonly rows: ClusterRows;
  readonly containerId: Id;
}

/** Objects, older versions, markers, gaps and uploads; the same in every world. */
async function createWorld(shardCount: number): Promise<World> {
  const clock = new SimClock();
  const shards = new MemoryShards({ clock, shards: shardCount });
  const rows = new ClusterRows(shards, clock);
  const { core } = createFixture(() => rows);
  const containerId = await createContainer(core, 'c', 'enabled');
  for (const [place, key] of keys.entries()) {
    for (let left = place % 3; left >= 0; left--) {
      await core.putObject(owner, putCommand('c', key, text(`${key} ${left}`)));
    }
    const deletion = { ...at, key, condition: {} };
    if (place % 4 === 1) await core.deleteObject(owner, deletion);
    if (place % 5 === 2) await core.deleteObject(owner, { ...deletion, leavesGap: true });
    const about = { contentType: 'text/plain', system: {}, user: {} };
    for (let left = place % 3; left > 0; left--)
      await core.createUpload(owner, { ...at, key, ...about });
  }
  return { core, shards, rows, containerId };
}

type Marked = PageQuery & { readonly afterVersionId?: string; readonly beforeVersionId?: string };
type Asked = (core: Core, query: Marked) => Promise<Page<unknown>>;

const listings: Readonly<Record<string, Asked>> = {
  objects: async (core, query) => (await core.listObjects(owner, at, query)).page,
  versions: (core, query) => core.listVersions(owner, at, query),
  uploads: (core, query) => core.listUploads(owner, at, query),
};

/** Asks for page after page, as a client does. */
async function walk(core: Core, ask: Asked, query: PageQuery): Promise<string[]> {
  const shown: string[] = [];
  let next: Marked | undefined = query;
  while (next !== undefined) {
    const page: Page<unknown> = await ask(core, next);
    shown.push(...page.items.map((item) => JSON.stringify(item)));
    const last = page.items.at(-1);
    if (!page.truncated) return shown;
    if (last === undefined) throw new Error('an empty page says that more follows');
    const row = last.type === 'row' ? (last.row as Partial<VersionRow & { uploadId: Id }>) : {};
    const { beforeVersionId: _b, afterVersionId: _a, afterUpload: _u, ...rest } = next;
    const isVersion = ask === listings['versions'] && row.version !== undefined;
    const versionId = isVersion ? versionIdOf(row as VersionRow) : undefined;
    if (query.reverse) {
      const from = versionId === undefined ? {} : { beforeVersionId: versionId };
      next = { ...rest, before: last.name, ...from };
    } else {
      const from = versionId === undefined ? {} : { afterVersionId: versionId };
      const { uploadId, startedAt } = row as { uploadId?: Id; startedAt?: VersionRow['version'] };
      const isUpload = uploadId !== undefined && startedAt !== undefined;
      next = { ...rest, after: last.name, ...from };
      if (isUpload) next = { ...next, afterUpload: { uploadId, startedAt } };
    }
  }
  return shown;
}

/** Divides the container now and then, at any of the names. */
function dividing({ shards, containerId }: World, random: SeededRandom): Hook {
  let pieces = 0;
  return () => {
    if (!random.chance(0.15)) return;
    const number = random.below(pieces + 1);
    const isNew = pieces < 6 && random.chance(0.5);
    const id = number === 0 ? containerId : pieceId(number);
    if (!pour(shards, id, random.pick(keys), isNew ? pieceId(pieces + 1) : undefined)) return;
    if (isNew) pieces++;
  };
}

function drawQuery(random: SeededRandom, reverse: boolean): PageQuery {
  return {
    prefix: random.pick(['', '', 'a', 'a/', 'k', 'm/', 'z']),
    delimiter: random.pick(['', '', '/', '//']),
    after: random.pick(['', 'a', 'a/1', 'b/', 'k']) || undefined,
    before: random.pick(['', '', 'm/2', 'z']) || undefined,
    reverse,
    limit: 1 + random.below(6),
  };
}

describe('a listing of a container that is divided meanwhile', () => {
  for (const [name, ask] of Object.entries(listings)) {
    it(`shows the ${name} that one piece shows`, async () => {
      const whole = await createWorld(1);
      for (let seed = 1; seed <= 12; seed++) {
        const divided = await createWorld(3);
        const random = new SeededRandom(seed);
        divided.shards.hook = dividing(divided, random);
        for (let left = 6; left > 0; left--) {
          const query = drawQuery(random, name !== 'uploads' && random.chance(0.4));
          const expected = await walk(whole.core, ask, query);
          expect(await walk(divided.core, ask, query)).toEqual(expected);
        }
      }
    });
  }

  it('shows each name once, in order, while others come, change and go', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const world = await createWorld(3);
      const { shards, core } = world;
      const random = new SeededRandom(seed);
      const query = { prefix: '', delimiter: '', after: undefined, before: undefined };
      const reverse = seed % 2 === 0;
      const shown = async (): Promise<string[]> => {
        const limit = 1 + random.below(6);
        const all = await walk(core, listings['objects'] ?? fail, { ...query, reverse, limit });
        return all.map((item) => (JSON.parse(item) as { name: string }).name);
      };
      const before = await shown();
      let isWriting = false;
      const divide = dividing(world, random);
      shards.hook = async (call) => {
        await divide(call);
        if (isWriting || !random.chance(0.3)) return;
        isWriting = true;
        const key = `${random.pick(keys)}!${random.below(2)}`;
        if (random.chance(0.5)) await core.putObject(owner, putCommand('c', key, text('new')));
        else await core.deleteObject(owner, { ...at, key, condition: {} });
        const kept = random.pick(before);
        await core.putObject(owner, putCommand('c', kept, text('again')));
        isWriting = false;
      };
      const names = await shown();
      expect(names.filter((name) => !name.includes('!'))).toEqual(before);
      const sorted = [...new Set(names)].sort(compareUtf8);
      expect(names).toEqual(reverse ? sorted.reverse() : sorted);
    }
  });
});

const fail: Asked = () => Promise.reject(new Error('there is no such listing'));
