/**
 * A node's certificate anew, for the key that it has: from its own authority on the node that signs, else from that
 * node. A running node sees to it by itself in time, as who it still is. Later an operator does, by a token: it does
 * not matter then whether the old one has ended, as joining shows none, either.
 */
import { createPublicKey } from 'node:crypto';
import type { Disk } from '../../base/disk.ts';
import { isStoreError, StoreError, toStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Net } from '../../base/net.ts';
import type { TlsNet } from '../../base/tls-net.ts';
import type { ClusterMap } from '../../storage/shard/coordinator.ts';
import { endOf, fingerprintOf, signCertificate } from './authority.ts';
import { askSigner, type Machine } from './join.ts';
import type { JoinRequest } from './join-wire.ts';
import { loadNodeFolder, type NodeFolder, writeCertificate } from './node-folder.ts';
import { decodeToken } from './tokens.ts';

const dayMillis = 86_400_000;
/** So long before its certificate ends a node begins to renew it; as long as it cannot it says so, every day. */
const warningMillis: number = 90 * dayMillis;

/** Returns when the new certificate ends, in milliseconds since 1970. The server uses it from its next start. Throws a sentence for the operator. */
export async function renewCertificate(
  token: string | undefined,
  machine: Machine,
): Promise<number> {
  const { disk, clock } = machine;
  const own = await loadNodeFolder(disk);
  if (own === undefined) throw refusal('this data folder is not that of a node');
  if (token === undefined) {
    if (own.authorityKey === undefined) {
      throw refusal('this node does not sign: give it a token of the node that does');
    }
    return store(disk, await signOwn(own, own.authorityKey, machine));
  }
  const { secret, ...signer } = decodeToken(token);
  if (fingerprintOf(signer.authority) !== fingerprintOf(own.identity.authority)) {
    throw refusal('this token is of another cluster');
  }
  const { certificate } = await askSigner(signer, requestOf(own, secret), clock);
  return store(disk, certificate);
}

function publicKeyOf({ identity }: NodeFolder): string {
  return createPublicKey(identity.key).export({ format: 'pem', type: 'spki' }).toString();
}

function signOwn(
  own: NodeFolder,
  authorityKey: string,
  { random, clock }: Pick<Machine, 'random' | 'clock'>,
): Promise<string> {
  const authority = { certificate: own.identity.authority, privateKey: authorityKey };
  const subject = { name: own.node.name, publicKey: publicKeyOf(own) };
  return signCertificate(authority, subject, { random, now: clock.now() });
}

function requestOf(own: NodeFolder, secret: string): JoinRequest {
  const { name, region, zone, role, address } = own.node;
  const publicKey = publicKeyOf(own);
  const renews = own.identity.certificate;
  return { secret, name, region, zone, role, address, publicKey, renews };
}

async function store(disk: Disk, certificate: string): Promise<number> {
  await writeCertificate(disk, certificate);
  return endOf(certificate);
}

function refusal(sentence: string): StoreError {
  return new StoreError('invalid-argument', 'cluster.renew', sentence);
}

export interface CertificateKeeperOptions extends Machine {
  readonly own: NodeFolder;
  /** What other nodes are reached by. */
  readonly net: Net & Pick<TlsNet, 'use'>;
  readonly map: () => ClusterMap;
  readonly logger: Logger;
}

/** Looks at the node's certificate every day, and renews it in the last 90: on the node that signs by itself, else by asking that one, as who it still is. */
export class CertificateKeeper {
  readonly #options: CertificateKeeperOptions;
  #own: NodeFolder;
  #cancel: () => void = () => undefined;
  #isOver = false;

  constructor(options: CertificateKeeperOptions) {
    this.#options = options;
    this.#own = options.own;
  }

  /** When it ends, in milliseconds since 1970. */
  get ends(): number {
    return endOf(this.#own.identity.certificate);
  }

  /** Returns what stops it. */
  start(): () => void {
    const { clock } = this.#options;
    const look = (): void => {
      this.#cancel = clock.after(dayMillis, look);
      void this.check();
    };
    look();
    return () => {
      this.#isOver = true;
      this.#cancel();
    };
  }

  /** Renews it if that is due. Never rejects: what stands in the way is told. */
  async check(): Promise<void> {
    if (this.ends - this.#options.clock.now() >= warningMillis) return;
    try {
      await this.#renew();
    } catch (error) {
      this.#warn(toStoreError(error, 'cluster.renew').message);
    }
  }

  #warn(reason: string): void {
    if (this.#isOver) return;
    const { clock, logger } = this.#options;
    const days = Math.floor((this.ends - clock.now()) / dayMillis);
    const ends = new Date(this.ends).toISOString();
    const fields = { event: 'cluster.certificate-ends', ends, days, reason };
    logger.warn(fields, "This node's certificate ends, and could not be renewed.");
  }

  async #renew(): Promise<void> {
    const { disk, net, logger } = this.#options;
    const { authorityKey } = this.#own;
    const certificate =
      authorityKey === undefined
        ? await this.#ask()
        : await signOwn(this.#own, authorityKey, this.#options);
    await store(disk, certificate);
    const identity = { ...this.#own.identity, certificate };
    this.#own = { ...this.#own, identity };
    net.use(identity);
    const fields = {
      event: 'cluster.certificate-renewed',
      ends: new Date(this.ends).toISOString(),
    };
    logger.info(fields, "This node's certificate has been renewed.");
  }

  /** Which node signs is not in the map: the others do not even speak of it. */
  async #ask(): Promise<string> {
    const { net, map, clock } = this.#options;
    const { authority } = this.#own.identity;
    let refused: unknown = refusal('there is no other node');
    for (const { name, address } of map().nodes ?? []) {
      if (name === this.#own.node.name) continue;
      try {
        const signer = { address, node: name, authority };
        const { certificate } = await askSigner(signer, requestOf(this.#own, ''), clock, net);
        return certificate;
      } catch (error) {
        // What the node that signs says tells more than that another one does not.
        if (!isStoreError(refused, 'access-denied')) refused = error;
      }
    }
    throw refused;
  }
}
