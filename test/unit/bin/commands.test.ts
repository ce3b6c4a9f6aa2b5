/** What deploy/ and the operator's handbook tell people to type is there: verbs and options are renamed in one place and forgotten in another. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../../bin/program.ts';
import { loadSettings } from '../../../server/config/settings.ts';

const root = join(import.meta.dirname, '..', '..', '..');

function filesBelow(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

const deployed = filesBelow('deploy');
const handbooks = ['operations.md', 'security.md', 'durability.md'].map((name) =>
  join(root, 'docs', name),
);

interface Typed {
  readonly place: string;
  readonly words: readonly string[];
}

/** Commands that stand in a file: at the start of a line, after another command, in backquotes or brackets. */
function typedIn(path: string): readonly Typed[] {
  const text = readFileSync(path, 'utf8').replaceAll(/\\\n\s*/g, ' ');
  return text.split('\n').flatMap((line, number) =>
    [
      ...line.matchAll(
        /(?:^|[`"'(]|bin\/|exec |-- |\bn1 |until |then )\s*torc ([a-z-]+\b[^`#;|>&)"\n]*)/g,
      ),
    ].map(([, words = '']) => ({
      place: `${path.slice(root.length + 1)}:${number + 1}: torc ${words.trim()}`,
      words: words.trim().split(/[\s,[\]]+/),
    })),
  );
}

/** What is wrong with it; undefined: nothing. */
function wrongWith({ place, words }: Typed, program: Command): string | undefined {
  let command = program;
  const rest = [...words];
  for (;;) {
    const next = command.commands.find((one) => one.name() === rest[0]);
    if (next === undefined) break;
    command = next;
    rest.shift();
  }
  // Verbs that have others below them are named alone, too.
  const isOther = command.commands.length > 0 && /^[a-z]/.test(rest[0] ?? '');
  if (command === program || isOther) return `${place}: there is no such command`;
  const known = new Set(
    command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long])),
  );
  const unknown = rest.find(
    (word) => word.startsWith('--') && word !== '--help' && !known.has(word.replace(/[.=].*$/, '')),
  );
  return unknown === undefined ? undefined : `${place}: it has no option ${unknown}`;
}

describe('what people are told to type', () => {
  const typed = [...deployed, ...handbooks].flatMap(typedIn);

  it('are commands that there are, with options that they have', () => {
    const program = createProgram();
    expect(typed.length).toBeGreaterThan(50);
    expect(typed.flatMap((one) => wrongWith(one, program) ?? [])).toEqual([]);
  });

  it.each([
    ['cluster joyn TOKEN --data DIR', 'no such command'],
    ['ring dran n4', 'no such command'],
    ['ring drain --nodes n4 --data DIR', 'no option --nodes'],
  ])('would be noticed otherwise: torc %s', (text, reason) => {
    const program = createProgram();
    expect(wrongWith({ place: 'here', words: text.split(' ') }, program)).toContain(reason);
  });

  it('are variables that serve knows', () => {
    const names = deployed.flatMap(
      (path) => readFileSync(path, 'utf8').match(/\bTORC_[A-Z_]+/g) ?? [],
    );
    expect(new Set(names).size).toBeGreaterThan(3);
    const values: Record<string, string> = { TORC_HTTP: 'off', TORC_HTTPS: 'off' };
    const environment = Object.fromEntries(
      names.map((name) => [name, values[name] ?? '/somewhere']),
    );
    expect(() => loadSettings({ file: {}, environment, flags: {} })).not.toThrow();
  });
});
