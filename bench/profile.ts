/**
 * `node bench/profile.ts FILE...`: where the time of `.cpuprofile` files goes, as self time by
 * function and by module, in microseconds and as a share of what was not idle.
 */
import { readFileSync } from 'node:fs';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const lines = 45;

function shortName(url: string): string {
  return url.replace(/^file:\/\/.*?\/(?=(base|ring|storage|server|bin|node_modules)\/)/, '');
}

function add(sums: Map<string, number>, name: string, micros: number): void {
  sums.set(name, (sums.get(name) ?? 0) + micros);
}

function show(title: string, sums: ReadonlyMap<string, number>, busy: number): void {
  process.stdout.write(`\n${title}\n`);
  const sorted = [...sums].sort((a, b) => b[1] - a[1]).slice(0, lines);
  for (const [name, micros] of sorted) {
    const share = ((100 * micros) / busy).toFixed(1).padStart(5);
    process.stdout.write(`${share} % ${Math.round(micros).toString().padStart(10)} µs  ${name}\n`);
  }
}

for (const file of process.argv.slice(2)) {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const byId = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const functions = new Map<string, number>();
  const modules = new Map<string, number>();
  let busy = 0;
  for (const [i, id] of profile.samples.entries()) {
    const frame = byId.get(id);
    const micros = profile.timeDeltas[i] ?? 0;
    if (frame === undefined || frame.functionName === '(idle)') continue;
    busy += micros;
    const module = frame.url === '' ? frame.functionName : shortName(frame.url);
    add(modules, module, micros);
    add(
      functions,
      `${frame.functionName || '(anonymous)'} ${module}:${frame.lineNumber + 1}`,
      micros,
    );
  }
  process.stdout.write(`${file}: busy ${(busy / 1e6).toFixed(2)} s\n`);
  show('by function', functions, busy);
  show('by module', modules, busy);
}
