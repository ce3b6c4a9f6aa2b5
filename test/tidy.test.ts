/** What the layout promises, counted over the files themselves: layers, bans, budgets. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readApiMatrix, renderApiMatrix } from './conformance/api-matrix.ts';

const root = join(import.meta.dirname, '..');
const folders = ['base', 'ring', 'storage', 'server', 'bin', 'test', 'bench'];

interface Source {
  /** From the root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const every = folders.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/')),
);

const sources: readonly Source[] = every
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.as.ts'))
  .map((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, target]) =>
      relative(root, join(root, dirname(path), target ?? ''))
        .split(sep)
        .join('/'),
    );
    return { path, text, imports };
  });

const layers = ['base/', 'ring/', 'storage/', 'server/', 'bin/'];
const layerOf = (path: string): number => layers.findIndex((layer) => path.startsWith(layer));
const product = sources.filter(({ path }) => layerOf(path) >= 0);

/** Folders below server/ that may import only some of the others; itself and base/ always may. */
const serverRules: Readonly<Record<string, readonly string[]>> = {
  'server/core/': [],
  'server/http/': [],
  'server/s3/': ['server/core/', 'server/http/'],
  'server/swift/': ['server/core/', 'server/http/'],
};

function offences(find: (source: Source) => readonly string[]): readonly string[] {
  return product.flatMap((source) => find(source).map((what) => `${source.path}: ${what}`));
}

it('documents what the route table says: else run `npm run build:api-matrix`', () => {
  expect(readApiMatrix()).toBe(renderApiMatrix());
});

it('sees the tree', () => {
  expect(product.length).toBeGreaterThan(50);
  expect(product.flatMap((source) => source.imports).length).toBeGreaterThan(200);
  for (const layer of layers) expect(product.some(({ path }) => path.startsWith(layer))).toBe(true);
});

describe('imports', () => {
  it('point left', () => {
    const wrong = offences(({ path, imports }) =>
      imports.filter((target) => layerOf(target) < 0 || layerOf(target) > layerOf(path)),
    );
    expect(wrong).toEqual([]);
  });

  it('keep the model and the doors apart', () => {
    const wrong = offences(({ path, imports }) => {
      const folder = Object.keys(serverRules).find((one) => path.startsWith(one));
      if (folder === undefined) return [];
      const allowed = ['base/', folder, ...(serverRules[folder] ?? [])];
      return imports.filter((target) => !allowed.some((one) => target.startsWith(one)));
    });
    expect(wrong).toEqual([]);
  });

  it('run in no circle, types included', () => {
    const graph = new Map(product.map(({ path, imports }) => [path, imports]));
    const state = new Map<string, 'open' | 'done'>();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (state.get(path) === 'done') return;
      if (state.get(path) === 'open') {
        circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
        return;
      }
      state.set(path, 'open');
      for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
      state.set(path, 'done');
    };
    for (const path of graph.keys()) visit(path, []);
    expect([...graph.values()].flat().length).toBeGreaterThan(1000);
    expect(circles).toEqual([]);
  });

  it('name files, not folders', () => {
    expect(offences(({ imports }) => imports.filter((one) => !one.endsWith('.ts')))).toEqual([]);
  });
});

describe('bans', () => {
  /** Files that touch the machine outside base/, and why. */
  const exempt: Readonly<Record<string, string>> = {
    'server/main.ts': 'makes the data folder before any Disk stands on it',
    'server/cell/level-folder.ts': 'level wants a real folder',
    'storage/erasure/kernel/build.ts': 'a tool that writes the checked-in kernel',
  };
  const banned =
    /\b(?:Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|randomUUID|randomBytes)\b|'node:(?:fs|fs\/promises)'/g;

  it('keep time, chance and files behind the ports', () => {
    const wrong = offences(({ path, text }) =>
      path.startsWith('base/') || path.startsWith('bin/') || path in exempt
        ? []
        : [...text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').matchAll(banned)].map(([it]) => it),
    );
    expect(wrong).toEqual([]);
  });

  it('leave no unfinished marks, and no folder for everything', () => {
    const mark = new RegExp(`\\b(?:${['TO', 'FIX', 'X'].join('|')})(?:DO|ME|XX)\\b`);
    const wrong = offences(({ path, text }) => [
      ...(mark.test(text) ? ['an unfinished mark'] : []),
      ...(/\/(?:utils?|helpers?|common|manager|index)\.ts$/.test(path) ? ['its name'] : []),
    ]);
    expect(wrong).toEqual([]);
  });
});

describe('budgets', () => {
  it('files have at most 500 lines, 800 in tests', () => {
    const wrong = sources.flatMap(({ path, text }) => {
      const lines = text.split('\n').length - 1;
      return lines > (layerOf(path) >= 0 ? 500 : 800) ? [`${path}: ${lines}`] : [];
    });
    expect(wrong).toEqual([]);
  });

  it('folders have at most 15 files', () => {
    const counts = new Map<string, number>();
    for (const path of every) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
    const wrong = [...counts].filter(
      ([folder, count]) => count > 15 && !folder.startsWith('test/golden/'),
    );
    expect(wrong).toEqual([]);
  });
});
