/** The storage policies of the cluster map, ready for use; they follow the map. */
import { toStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { parseScheme } from '../../ring/policy.ts';
import type { Ring } from '../../ring/ring.ts';
import { decodeRing } from '../../ring/ring-file.ts';
import { createCodec } from '../../storage/erasure/create-codec.ts';
import type { ClusterMap, Coordinator, PolicyState } from '../../storage/shard/coordinator.ts';
import type { Policy } from '../proxy/placement.ts';

async function load(line: PolicyState, known: Policy | undefined): Promise<Policy> {
  const { name, aliases = [], isDeprecated = false } = line;
  const scheme = parseScheme(line.scheme);
  const ringOf = ringsKnownTo(known);
  const ring = ringOf(line.ring);
  const former = (line.former ?? []).map(ringOf);
  const oldest = line.isClosing === true ? ring : (former.at(-1) ?? ring);
  return {
    ...{ name, aliases, isDeprecated, scheme, ring, former },
    goal: line.goal && ringOf(line.goal.ring),
    oldestRing: oldest.version,
    // A scheme never changes.
    codec: known?.codec ?? (await createCodec(scheme)),
    line,
  };
}

/** A ring may be megabytes, and a step of a change brings one that is new: the others stay as they are. */
function ringsKnownTo(known: Policy | undefined): (text: string) => Ring {
  const rings = new Map<string, Ring>();
  if (known !== undefined) {
    const { line, ring, former, goal } = known;
    rings.set(line.ring, ring);
    for (const [place, text] of (line.former ?? []).entries()) {
      const one = former[place];
      if (one !== undefined) rings.set(text, one);
    }
    if (line.goal !== undefined && goal !== undefined) rings.set(line.goal.ring, goal);
  }
  return (text) => rings.get(text) ?? decodeRing(Buffer.from(text, 'base64'));
}

export class LivePolicies {
  readonly #coordinator: Coordinator;
  readonly #logger: Logger;
  /** By name; the same object for good. */
  readonly byName: Map<string, Policy> = new Map();
  readonly #lines = new Map<string, PolicyState>();
  #loading: Promise<void> = Promise.resolve();
  #end: () => void = () => undefined;

  private constructor(coordinator: Coordinator, logger: Logger) {
    this.#coordinator = coordinator;
    this.#logger = logger;
  }

  /** Throws what a ring or scheme that cannot be read throws. */
  static async open(coordinator: Coordinator, logger: Logger): Promise<LivePolicies> {
    const policies = new LivePolicies(coordinator, logger);
    await policies.#load(coordinator.current().policies);
    let known = coordinator.current().policies;
    policies.#end = coordinator.watch((map: ClusterMap) => {
      if (map.policies === known) return;
      known = map.policies;
      policies.#follow(known);
    });
    return policies;
  }

  get defaultPolicy(): string {
    return this.#coordinator.current().defaultPolicy;
  }

  /** One after the other; policies are never removed. */
  async #load(lines: readonly PolicyState[]): Promise<void> {
    for (const line of lines) {
      if (this.#lines.get(line.name) === line) continue;
      this.byName.set(line.name, await load(line, this.byName.get(line.name)));
      this.#lines.set(line.name, line);
    }
  }

  #follow(lines: readonly PolicyState[]): void {
    this.#loading = this.#loading
      .then(() => this.#load(lines))
      .catch((error: unknown) => {
        const reason = toStoreError(error, 'policies').message;
        this.#logger.error({ event: 'policy.unreadable', reason }, 'A policy cannot be used.');
      });
  }

  close(): void {
    this.#end();
  }
}
