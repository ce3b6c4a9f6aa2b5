/**
 * Headers by which Swift's servers speak among themselves. No client may bring them, whatever a
 * part of this door might make of them one day (Swift's gatekeeper; CVE-2026-50221 for the old ones).
 */
import { lowerAscii } from '../../http/header-text.ts';

const inner =
  /^(?:x-(?:account|container|object)-sysmeta-|x-object-transient-sysmeta-|x-backend|x-account-(?:host|device|partition)$|x-container-(?:host|device|partition|root-db-state)$|x-delete-at-(?:host|device|partition|container)$)/;

export function isInnerHeader(name: string): boolean {
  return inner.test(lowerAscii(name));
}
