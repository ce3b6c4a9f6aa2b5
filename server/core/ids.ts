import { createHash } from 'node:crypto';
import { toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import type { Id } from './model.ts';

/** 16 random bytes: container ids, and the names of stored bodies. */
export function newId(random: Random): Id {
  return toHex(random.bytes(16));
}

/** Six bytes of milliseconds, then ten random ones: rows of one key's uploads sort by their start. */
export function newUploadId(random: Random, nowMillis: number): Id {
  return nowMillis.toString(16).padStart(12, '0') + toHex(random.bytes(10));
}

/** An account's id is derived from its name, so that no table has to be asked for it. */
export const accountIdOf: (name: string) => Id = derivedId('torc:account:');

/** A bucket name's id. */
export const bucketNameId: (name: string) => Id = derivedId('torc:bucket-name:');

/** What waits in a feed is its own, by container, purpose and rule. */
export function feedIdOf(containerId: Id, purpose: string, rule: string): Id {
  const text = `torc:feed:${containerId}:${purpose}:${rule}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** Names remembered per kind: 4,096 of some 100 bytes are 400 KiB. Every commit asks for one. */
const REMEMBERED = 4096;

/** First 16 bytes of SHA-256 over the domain and the name's UTF-8 bytes. */
function derivedId(domain: string): (name: string) => Id {
  const known = new Map<string, Id>();
  return (name) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const id = createHash('sha256')
      .update(domain + name)
      .digest('hex')
      .slice(0, 32);
    if (known.size >= REMEMBERED) known.clear();
    known.set(name, id);
    return id;
  };
}
