/**
 * A node's certificate anew, for the key that it has: from its own authority on the node that signs, else from that
 * node, by a token. It does not matter whether the old one has ended: joining shows none, either.
 */
import { createPublicKey } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Disk } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { endOf, fingerprintOf, signCertificate } from './authority.ts';
import { askSigner, type Machine } from './join.ts';
import { loadNodeFolder, writeCertificate } from './node-folder.ts';
import { decodeToken } from './tokens.ts';

const dayMillis = 86_400_000;
/** Before its certificate ends a node says so for this long, every day. */
const warningMillis: number = 90 * dayMillis;

/** Returns when the new certificate ends, in milliseconds since 1970. The server uses it from its next start. Throws a sentence for the operator. */
export async function renewCertificate(
  token: string | undefined,
  { disk, clock, random }: Machine,
): Promise<number> {
  const own = await loadNodeFolder(disk);
  if (own === undefined) throw refusal('this data folder is not that of a node');
  const { node, identity, authorityKey } = own;
  const publicKey = createPublicKey(identity.key)
    .export({ format: 'pem', type: 'spki' })
    .toString();
  if (token === undefined) {
    if (authorityKey === undefined) {
      throw refusal('this node does not sign: give it a token of the node that does');
    }
    const authority = { certificate: identity.authority, privateKey: authorityKey };
    const making = { random, now: clock.now() };
    const certificate = await signCertificate(authority, { name: node.name, publicKey }, making);
    return store(disk, certificate);
  }
  const { secret, ...signer } = decodeToken(token);
  if (fingerprintOf(signer.authority) !== fingerprintOf(identity.authority)) {
    throw refusal('this token is of another cluster');
  }
  const { name, region, zone, role, address } = node;
  const request = { secret, name, region, zone, role, address, publicKey };
  const asked = { ...request, renews: identity.certificate };
  const { certificate } = await askSigner(signer, asked, clock);
  return store(disk, certificate);
}

async function store(disk: Disk, certificate: string): Promise<number> {
  await writeCertificate(disk, certificate);
  return endOf(certificate);
}

function refusal(sentence: string): StoreError {
  return new StoreError('invalid-argument', 'cluster.renew', sentence);
}

/** Says every day that the node's certificate ends soon, or has ended; returns what stops it. */
export function watchCertificate(
  certificate: string,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): () => void {
  const ends = endOf(certificate);
  let cancel: () => void = () => undefined;
  const look = (): void => {
    const days = Math.floor((ends - clock.now()) / dayMillis);
    if (ends - clock.now() < warningMillis) {
      const fields = {
        event: 'cluster.certificate-ends',
        ends: new Date(ends).toISOString(),
        days,
      };
      logger.warn(fields, "This node's certificate ends: torc cluster renew, and start it anew.");
    }
    cancel = clock.after(dayMillis, look);
  };
  look();
  return () => cancel();
}
