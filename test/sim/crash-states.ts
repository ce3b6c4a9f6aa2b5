/**
 * Every state that a power cut may leave behind, for code whose disk operations were recorded:
 * each prefix of the trace, and of the operations not synced by then many combinations (all of
 * them where they are few). Bounded and deterministic: the same trace gives the same states.
 */
import { createHash } from 'node:crypto';
import { isStoreError } from '../../base/errors.ts';
import type { SimDisk } from './disk.ts';
import type { Change, Fate, Pending } from './medium.ts';

type Step<Mark> =
  | { readonly type: 'change'; readonly change: Change }
  | { readonly type: 'mark'; readonly mark: Mark };

const changing: readonly string[] = [
  'create',
  'makeDirectory',
  'rename',
  'remove',
  'syncDirectory',
  'write',
  'truncate',
  'sync',
] satisfies Change['type'][];

function isChange(operation: { readonly type: string }): operation is Change {
  return changing.includes(operation.type);
}

/** Records what happens to a disk (which must have no latency) from its making on; uses its hook. */
export class CrashRecorder<Mark> {
  readonly start: SimDisk;
  readonly steps: Step<Mark>[] = [];
  readonly #disk: SimDisk;

  constructor(disk: SimDisk) {
    this.start = disk.clone();
    this.#disk = disk;
    disk.hook((operation) => {
      if (isChange(operation)) this.steps.push({ type: 'change', change: operation });
    });
  }

  /** Notes something for the checker at this place of the trace: what was acknowledged, or what went to the index. */
  mark(mark: Mark): void {
    this.steps.push({ type: 'mark', mark });
  }

  stop(): void {
    this.#disk.hook(undefined);
  }
}

export interface CrashState<Mark> {
  /** The disk after the crash, yours to open and alter. */
  readonly disk: SimDisk;
  /** Everything noted before the crash, oldest first. */
  readonly marks: readonly Mark[];
  /** For the message of a failed check. */
  readonly description: string;
}

export interface CrashLimits {
  /** Up to this many un-synced operations every subset of them is tried. Default 5. */
  readonly allSubsetsUpTo?: number;
  /** Random combinations a step beyond the systematic ones. Default 8. */
  readonly randomPerStep?: number;
}

interface Plan {
  readonly name: string;
  readonly fateOf: (place: number) => Fate;
}

const tears: readonly { readonly name: string; readonly fate: Fate }[] = [
  { name: 'only its first sector', fate: { sectors: (place) => place === 0 } },
  { name: 'not its first sector', fate: { sectors: (place) => place !== 0 } },
  { name: 'its first page', fate: { sectors: (place) => place < 8 } },
  { name: 'not its first page', fate: { sectors: (place) => place >= 8 } },
  { name: 'every other sector', fate: { sectors: (place) => place % 2 === 0 } },
  { name: 'zeros', fate: 'size-only' },
];

/** A small generator of its own, so that states do not depend on who else draws numbers. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function* plansFor(
  pending: readonly Pending[],
  step: number,
  limits: CrashLimits,
): Generator<Plan, void, void> {
  yield { name: 'nothing un-synced arrived', fateOf: () => 'lost' };
  if (pending.length === 0) return;
  yield { name: 'everything arrived', fateOf: () => 'kept' };
  if (pending.length <= (limits.allSubsetsUpTo ?? 5)) {
    for (let kept = 1; kept < 2 ** pending.length - 1; kept++) {
      yield {
        name: `arrived: bits ${kept.toString(2)}`,
        fateOf: (place) => ((kept >> place) & 1 ? 'kept' : 'lost'),
      };
    }
  }
  for (const [chosen, operation] of pending.entries()) {
    yield { name: `only ${chosen} arrived`, fateOf: (i) => (i === chosen ? 'kept' : 'lost') };
    yield { name: `only ${chosen} lost`, fateOf: (i) => (i === chosen ? 'lost' : 'kept') };
    yield { name: `up to ${chosen} arrived`, fateOf: (i) => (i <= chosen ? 'kept' : 'lost') };
    if (operation.on !== 'file' || operation.change.type !== 'write') continue;
    for (const { name, fate } of tears) {
      yield { name: `of ${chosen} ${name}`, fateOf: (i) => (i === chosen ? fate : 'kept') };
      yield { name: `of ${chosen} ${name}, alone`, fateOf: (i) => (i === chosen ? fate : 'lost') };
    }
  }
  for (let round = 0; round < (limits.randomPerStep ?? 8); round++) {
    yield { name: `random ${round}`, fateOf: randomFates(step * 1000 + round) };
  }
}

function randomFates(seed: number): (place: number) => Fate {
  return (place) => {
    const next = generator(Math.imul(seed + 1, 2654435761) ^ Math.imul(place + 1, 40503));
    next();
    const roll = next();
    if (roll < 0.35) return 'kept';
    if (roll < 0.6) return 'lost';
    if (roll < 0.7) return 'size-only';
    const salt = Math.floor(next() * 2 ** 31);
    return { sectors: (sector) => generator(Math.imul(salt ^ sector, 2246822519))() < 0.5 };
  };
}

/** All distinct crash states of a recorded trace, oldest step first. */
export function* enumerateCrashStates<Mark>(
  recorder: CrashRecorder<Mark>,
  limits: CrashLimits = {},
): Generator<CrashState<Mark>, void, void> {
  const disk = recorder.start.clone();
  const marks: Mark[] = [];
  const seen = new Set<string>();
  const digest = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');
  for (let step = 0; step <= recorder.steps.length; step++) {
    const pending = disk.medium.pending();
    for (const plan of plansFor(pending, step, limits)) {
      const crashed = disk.clone();
      let place = 0;
      crashed.crashWith(() => plan.fateOf(place++));
      const state = `${marks.length} ${crashed.medium.describe(digest)}`;
      if (seen.has(state)) continue;
      seen.add(state);
      const last = recorder.steps[step - 1];
      const description = `step ${step} (${describeStep(last)}): ${plan.name}`;
      yield { disk: crashed, marks: [...marks], description };
    }
    const next = recorder.steps[step];
    if (next?.type === 'mark') marks.push(next.mark);
    else if (next !== undefined) replay(disk, next.change);
  }
}

function replay(disk: SimDisk, change: Change): void {
  try {
    disk.medium.apply(change);
  } catch (error) {
    // It failed when it was recorded, too (a file that existed already).
    if (!isStoreError(error)) throw error;
  }
}

function describeStep(step: Step<unknown> | undefined): string {
  if (step === undefined) return 'start';
  if (step.type === 'mark') return 'mark';
  const { change } = step;
  if (change.type === 'rename') return `rename ${change.from} ${change.to}`;
  if (change.type === 'write') return `write ${change.path} at ${change.position}`;
  return `${change.type} ${change.path}`;
}
