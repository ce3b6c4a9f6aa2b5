/** Takes machines into the cluster: the work of the node that holds the authority's key. */
import type { Clock } from '../../base/clock.ts';
import type { Disk } from '../../base/disk.ts';
import { isStoreError, StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { NetStream } from '../../base/net.ts';
import type { Random } from '../../base/random.ts';
import type { NodeState } from '../../storage/shard/coordinator.ts';
import type { MapCoordinator, MapEdit } from '../coordinator/map-coordinator.ts';
import { nodeKey } from '../coordinator/map-keys.ts';
import { isNodeName, signCertificate, wasSigned } from './authority.ts';
import {
  encodeMessage,
  type JoinReply,
  type JoinRequest,
  joinRequestSchema,
  readMessage,
} from './join-wire.ts';
import type { NodeFolder } from './node-folder.ts';
import { knowsSecret, spendSecret } from './tokens.ts';

export interface JoinServerOptions {
  /** The data folder. */
  readonly disk: Disk;
  readonly own: NodeFolder;
  readonly coordinator: MapCoordinator;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Machines that ask at one time; each may take as long as its patience. */
const askingMax = 16;

/** Files of the data folder that every node must have alike: each may have to read what was encrypted, and to act for users. */
const sharedFiles = ['credentials.json', 'token-secret'] as const;
const sharedFolders = ['keys', 'keys/kms'] as const;

export function createJoinServer(options: JoinServerOptions): (stream: NetStream) => void {
  let asking = 0;
  // One after the other: a token is good once.
  let last: Promise<unknown> = Promise.resolve();
  return (stream) => {
    if (asking >= askingMax) {
      stream.destroy();
      return;
    }
    asking++;
    const request = readMessage(stream, options.clock, joinRequestSchema);
    const answered = request.then((message) => {
      const turn = last.then(() => answer(options, message, stream.peerName));
      last = turn.catch(() => undefined);
      return turn;
    });
    void answered
      .catch((error: unknown): JoinReply => ({ error: sentenceOf(error) }))
      .then((reply) => {
        asking--;
        stream.write(encodeMessage(reply));
        stream.end();
      });
  };
}

function sentenceOf(error: unknown): string {
  return isStoreError(error) ? error.message : 'the node that signs has failed';
}

/** Never rejects with anything but a sentence for the operator of the joining machine. `peer`: the node that the other side has shown to be. */
async function answer(
  options: JoinServerOptions,
  request: JoinRequest,
  peer: string | undefined,
): Promise<JoinReply> {
  const { disk, own, coordinator, clock, random, logger } = options;
  const { authorityKey, identity, node } = own;
  if (authorityKey === undefined)
    return { error: 'this node does not sign: ask the one that made the cluster' };
  // Who shows a certificate that holds needs no secret for another one.
  const isOwn = request.renews !== undefined && peer === request.name;
  if (!isOwn && !(await knowsSecret(disk, request.secret, clock.now()))) {
    logger.warn({ event: 'cluster.join-refused' }, 'A machine asked to join with a bad token.');
    return { error: 'the token is not good (any more)' };
  }
  try {
    if (!isNodeName(request.name)) throw refusal(`"${request.name}" is no name of a node`);
    const authority = { certificate: identity.authority, privateKey: authorityKey };
    const { name, publicKey } = request;
    const making = { random, now: clock.now() };
    if (request.renews !== undefined) await checkRenewal(options, request.renews, request);
    const certificate = await signCertificate(authority, { name, publicKey }, making);
    if (request.renews !== undefined) {
      if (!isOwn) await spendSecret(disk, request.secret);
      logger.info({ event: 'cluster.renewed', node: name }, 'A node has a new certificate.');
      return { clusterId: node.clusterId, certificate, etcd: [...node.etcd], files: {} };
    }
    await coordinator.change((map) => [addNode(map.nodes ?? [], map, request)]);
    await spendSecret(disk, request.secret);
    logger.info({ event: 'cluster.joined', node: name }, 'A machine has joined the cluster.');
    const files = await readShared(disk);
    return { clusterId: node.clusterId, certificate, etcd: [...node.etcd], files };
  } catch (error) {
    return { error: sentenceOf(error) };
  }
}

function refusal(message: string): StoreError {
  return new StoreError('conflict', 'cluster.join', message);
}

/** Only the same name and key are signed again: with a token alone nobody becomes a node that there is. */
async function checkRenewal(
  { own, coordinator }: JoinServerOptions,
  renews: string,
  { name, publicKey }: JoinRequest,
): Promise<void> {
  const authority = { certificate: own.identity.authority };
  if (!(await wasSigned(authority, renews, { name, publicKey }))) {
    throw refusal(`this is no certificate that the cluster gave to node ${name}`);
  }
  if (coordinator.current().nodes?.some((node) => node.name === name) !== true) {
    throw refusal(`the cluster does not know node ${name} (any more)`);
  }
}

/** A name that is known is given anew only while it has nothing to lose. */
function addNode(
  nodes: readonly NodeState[],
  map: ReturnType<MapCoordinator['current']>,
  { name, region, zone, address }: JoinRequest,
): MapEdit {
  const isUsed =
    map.devices.some((device) => device.node === name) ||
    (map.sessions ?? []).some((session) => session.node === name);
  if (isUsed && nodes.some((node) => node.name === name)) {
    throw refusal(`there is a node ${name} that lives or has devices`);
  }
  const taken = nodes.find((node) => node.address === address && node.name !== name);
  if (taken !== undefined) throw refusal(`node ${taken.name} has the address ${address}`);
  return { key: nodeKey(name), line: { name, address, region, zone } };
}

async function readShared(disk: Disk): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const paths: string[] = [...sharedFiles];
  for (const folder of sharedFolders) {
    for (const name of await disk.list(folder)) {
      if (name.endsWith('.json')) paths.push(`${folder}/${name}`);
    }
  }
  for (const path of paths) {
    const bytes = await disk.readAll(path);
    if (bytes !== undefined) files[path] = Buffer.from(bytes).toString('base64');
  }
  return files;
}
