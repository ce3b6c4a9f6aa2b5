/** How many devices, nodes, zones and regions may be lost, whichever they are, before bytes are. */
import type { Scheme } from './policy.ts';
import { tolerance, writeQuorum } from './policy.ts';
import type { Ring, RingDevice } from './ring.ts';

export type DomainLevel = 'region' | 'zone' | 'node' | 'device';

/** Of each level: any so many may be lost together. */
export type Tolerances = Readonly<Record<DomainLevel, number>>;

const namesOf: Readonly<Record<DomainLevel, (device: RingDevice) => string>> = {
  region: ({ region }) => JSON.stringify([region]),
  zone: ({ region, zone }) => JSON.stringify([region, zone]),
  node: ({ region, zone, node }) => JSON.stringify([region, zone, node]),
  device: ({ id }) => String(id),
};

/**
 * The least over all partitions. It counts by what a scheme tolerates whichever fragments it loses, so
 * for `lrc` more may survive than is promised. Exact for `ec` and `replica`.
 */
export function ringTolerances(ring: Ring, scheme: Scheme): Tolerances {
  const most = tolerance(scheme);
  return {
    region: levelTolerance(ring, 'region', most),
    zone: levelTolerance(ring, 'zone', most),
    node: levelTolerance(ring, 'node', most),
    device: levelTolerance(ring, 'device', most),
  };
}

function levelTolerance(ring: Ring, level: DomainLevel, most: number): number {
  const numbers = new Map<string, number>();
  const domainOf = Int32Array.from(ring.devices, (device) => {
    const name = namesOf[level](device);
    const number = numbers.get(name) ?? numbers.size;
    numbers.set(name, number);
    return number;
  });
  const counts = new Int32Array(numbers.size);
  let least = Number.POSITIVE_INFINITY;
  for (let p = 0; p < 2 ** ring.partitionPower; p++) {
    const met: number[] = [];
    for (const row of ring.assignment) {
      const domain = domainOf[row[p] ?? 0] ?? 0;
      if (counts[domain] === 0) met.push(domain);
      counts[domain] = (counts[domain] ?? 0) + 1;
    }
    least = Math.min(
      least,
      survivableDomains(
        met.map((domain) => counts[domain] ?? 0),
        most,
      ),
    );
    for (const domain of met) counts[domain] = 0;
    if (least === 0) break;
  }
  return least;
}

/** `writes`: everything goes on. `reads`: what is stored can be read. `nothing`: some of it cannot. */
export type NodeLoss = 'writes' | 'reads' | 'nothing';

/** What a policy's ring still allows while one node is away, whichever it is: fragments have no other place than their homes. */
export function nodeLoss(ring: Ring, scheme: Scheme): NodeLoss {
  if (levelTolerance(ring, 'node', ring.width - writeQuorum(scheme)) > 0) return 'writes';
  return levelTolerance(ring, 'node', tolerance(scheme)) > 0 ? 'reads' : 'nothing';
}

/** How many of the fullest domains hold `most` fragments together, or fewer. */
function survivableDomains(counts: number[], most: number): number {
  counts.sort((a, b) => b - a);
  let lost = 0;
  for (const [domains, count] of counts.entries()) {
    lost += count;
    if (lost > most) return domains;
  }
  return counts.length;
}

/** By level, what `after` tolerates less than `before`. */
export function lostTolerances(before: Tolerances, after: Tolerances): readonly DomainLevel[] {
  const levels: readonly DomainLevel[] = ['region', 'zone', 'node', 'device'];
  return levels.filter((level) => after[level] < before[level]);
}
