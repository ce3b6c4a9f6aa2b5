/** Makes a data folder that of a node: by making a cluster, or by joining one. */
import type { Clock } from '../../base/clock.ts';
import { createDurably, type Disk } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import type { Net } from '../../base/net.ts';
import type { Random } from '../../base/random.ts';
import { TlsNet } from '../../base/tls-net.ts';
import { addressOf } from '../storage-node/peer.ts';
import { createKeyPair } from './authority.ts';
import {
  encodeMessage,
  joinProtocol,
  type JoinReply,
  joinReplySchema,
  type JoinRequest,
  readMessage,
} from './join-wire.ts';
import {
  checkNodeFile,
  loadNodeFolder,
  type NodeFile,
  type NodeFolder,
  writeNodeFolder,
} from './node-folder.ts';
import { addSecret, decodeToken, encodeToken, type JoinToken } from './tokens.ts';

const dialMillis = 10_000;
const dayMillis = 86_400_000;

/** What the operator says of a machine. */
export interface NodeWish {
  readonly name: string;
  readonly region: string;
  readonly zone: string;
  readonly role: NodeFile['role'];
  readonly address: string;
  readonly listen: string;
}

export interface Machine {
  /** The data folder. */
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
}

/** Throws `conflict` for a folder that is a node's or a single machine's. */
export async function checkFresh(disk: Disk): Promise<void> {
  if ((await loadNodeFolder(disk)) !== undefined) {
    throw new StoreError('conflict', 'cluster', 'this data folder is a node of a cluster already');
  }
  if ((await disk.readAll('cluster-id')) !== undefined) {
    throw new StoreError(
      'conflict',
      'cluster',
      'this data folder is that of a single machine: torc cluster import moves it',
    );
  }
}

/** Asks the node that the token names. Throws a sentence for the operator. */
export async function joinCluster(
  token: string,
  wish: NodeWish,
  machine: Machine,
): Promise<NodeFile> {
  const { disk, clock } = machine;
  await checkFresh(disk);
  const { address, node, authority, secret } = decodeToken(token);
  const keys = await createKeyPair();
  const { listen, ...rest } = wish;
  const request = { secret, publicKey: keys.publicKey, ...rest };
  const reply = await askSigner({ address, node, authority }, request, clock);
  const { clusterId, certificate, etcd, files } = reply;
  const file = checkNodeFile({ format: 1, clusterId, ...rest, listen, etcd });
  await writeShared(disk, files);
  const identity = { authority, certificate, key: keys.privateKey };
  await writeNodeFolder(disk, { node: file, identity, authorityKey: undefined });
  return file;
}

/** Throws `access-denied` with what the node that signs says. `net`: of a node, which shows who it is. */
export async function askSigner(
  { address, node, authority }: Omit<JoinToken, 'secret'>,
  request: JoinRequest,
  clock: Clock,
  // Nothing can be asked with this identity but to join.
  net: Net = new TlsNet({ authority, certificate: '', key: '' }),
): Promise<Exclude<JoinReply, { error: string }>> {
  const stream = await net.dial({
    ...addressOf(address),
    ...{ name: node, protocol: joinProtocol, timeoutMillis: dialMillis },
  });
  const answer = readMessage(stream, clock, joinReplySchema);
  stream.write(encodeMessage(request));
  const reply = await answer;
  stream.end();
  if ('error' in reply) throw new StoreError('access-denied', 'cluster.join', reply.error);
  return reply;
}

async function writeShared(disk: Disk, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    // The other side is trusted with the keys, not with the file system.
    if (!/^(?:keys\/(?:kms\/)?)?[A-Za-z0-9][A-Za-z0-9._-]*$/.test(path)) {
      throw new StoreError('invalid-argument', 'cluster.join', 'a file with an odd name');
    }
    const slash = path.lastIndexOf('/');
    if (slash > 0) await disk.makeDirectory(path.slice(0, slash));
    await createDurably(disk, path, new Uint8Array(Buffer.from(text, 'base64')));
  }
}

/** A token for one machine. Only on the node that holds the authority's key. */
export async function createToken(machine: Machine, days: number): Promise<string> {
  const { disk, clock, random } = machine;
  const own = await loadNodeFolder(disk);
  if (own?.authorityKey === undefined) {
    const sentence = 'tokens are made on the node that made the cluster';
    throw new StoreError('invalid-argument', 'cluster.token', sentence);
  }
  const now = clock.now();
  const secret = await addSecret(disk, { random, now, expires: now + days * dayMillis });
  const { name, address } = own.node;
  return encodeToken({ address, node: name, authority: own.identity.authority, secret });
}

/** What `torc serve` was told of the cluster. */
export interface ClusterWish extends PartialWish {
  /** A token: the machine joins at its first start. */
  readonly join?: string | undefined;
}

export type PartialWish = { readonly [Field in keyof NodeWish]?: NodeWish[Field] | undefined };

/** The data folder's node, which it becomes now if it was told to join; undefined for a single machine. Throws a sentence for the operator. */
export async function openNodeFolder(
  wish: ClusterWish,
  machine: Machine,
): Promise<NodeFolder | undefined> {
  const { disk } = machine;
  const known = await loadNodeFolder(disk);
  if (known === undefined && wish.join !== undefined) {
    await joinCluster(wish.join, wholeWish(wish), machine);
  }
  const own = known ?? (await loadNodeFolder(disk));
  if (own === undefined) {
    if (wish.role === undefined || wish.role === 'all') return undefined;
    throw refusal(`--role ${wish.role} is for nodes of a cluster: join one first (--join TOKEN)`);
  }
  if (wish.role !== undefined && wish.role !== own.node.role) {
    throw refusal(`this node has joined with --role ${own.node.role}`);
  }
  return own;
}

/** Throws where something is missing that a node cannot be without. */
export function wholeWish(wish: PartialWish): NodeWish {
  const { name, address, listen, region = 'r1', zone = 'z1', role = 'all' } = wish;
  if (name === undefined || address === undefined) {
    throw refusal(
      'a node needs a name (--name) and an address under which others reach it (--address HOST:PORT)',
    );
  }
  return { name, address, listen: listen ?? address, region, zone, role };
}

function refusal(message: string): StoreError {
  return new StoreError('invalid-argument', 'cluster.node', message);
}
