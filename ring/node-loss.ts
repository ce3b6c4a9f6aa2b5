/** What a policy's ring still allows while one node is away, all of its devices with it. */
import { type Scheme, tolerance, writeQuorum } from './policy.ts';
import type { Ring } from './ring.ts';

/** `writes`: everything goes on. `reads`: what is stored can be read. `nothing`: some of it cannot. */
export type NodeLoss = 'writes' | 'reads' | 'nothing';

/** The most fragments of one partition that one node is home to. */
function mostOnOneNode({ devices, assignment, partitionPower }: Ring): number {
  const nodes = devices.map(({ region, zone, node }) => `${region}/${zone}/${node}`);
  let most = 0;
  for (let partition = 0; partition < 2 ** partitionPower; partition++) {
    const counts = new Map<string, number>();
    for (const row of assignment) {
      const node = nodes[row[partition] ?? 0] ?? '';
      const count = (counts.get(node) ?? 0) + 1;
      counts.set(node, count);
      most = Math.max(most, count);
    }
  }
  return most;
}

/** Whichever node it is; fragments have no other place than their homes. */
export function nodeLoss(ring: Ring, scheme: Scheme): NodeLoss {
  const lost = mostOnOneNode(ring);
  if (ring.width - lost >= writeQuorum(scheme)) return 'writes';
  return lost <= tolerance(scheme) ? 'reads' : 'nothing';
}
