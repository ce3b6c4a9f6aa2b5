/** What makes a data folder that of a cluster's node: the files in its folder `cluster`. */
import { z } from 'zod';
import { fromUtf8, utf8 } from '../../base/bytes.ts';
import { createDurably, type Disk } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import type { NetIdentity } from '../../base/tls-net.ts';
import { isNodeName } from './authority.ts';

export const nodeRoles = ['all', 'proxy', 'storage'] as const;
/** `proxy`: no devices. `storage`: no doors for clients. */
export type NodeRole = (typeof nodeRoles)[number];

const folder = 'cluster';
const nodePath = `${folder}/node.json`;
const authorityPath = `${folder}/authority.pem`;
const certificatePath = `${folder}/node.pem`;
const keyPath = `${folder}/node-key.pem`;
const authorityKeyPath = `${folder}/authority-key.pem`;

const addressSchema = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'must be HOST:PORT');

export interface NodeFile {
  readonly format: 1;
  readonly clusterId: string;
  readonly name: string;
  readonly region: string;
  readonly zone: string;
  readonly role: NodeRole;
  /** HOST:PORT where other nodes reach it. */
  readonly address: string;
  /** HOST:PORT where it listens for them. */
  readonly listen: string;
  readonly etcd: readonly string[];
}

const schema: z.ZodType<NodeFile> = z.strictObject({
  format: z.literal(1),
  clusterId: z.string().regex(/^[0-9a-f]{32}$/),
  name: z.string().refine(isNodeName, 'is no name of a node'),
  region: z.string().min(1),
  zone: z.string().min(1),
  role: z.enum(nodeRoles),
  address: addressSchema,
  listen: addressSchema,
  etcd: z.array(z.string().regex(/^https?:\/\/[^\s/]+$/, 'must be http(s)://HOST:PORT')).min(1),
});

/** Throws `invalid-argument` with a sentence that names the field. */
export function checkNodeFile(node: object): NodeFile {
  const parsed = schema.safeParse(node);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new StoreError(
    'invalid-argument',
    'cluster.node',
    `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`,
  );
}

export interface NodeFolder {
  readonly node: NodeFile;
  readonly identity: NetIdentity;
  /** Only on the node that made the cluster: it signs the others. */
  readonly authorityKey: string | undefined;
}

async function readText(disk: Disk, path: string): Promise<string | undefined> {
  const bytes = await disk.readAll(path);
  return bytes === undefined ? undefined : fromUtf8(bytes);
}

/** `disk` is the data folder. Undefined when it is no cluster's. Throws a sentence for the operator when files are missing or bad. */
export async function loadNodeFolder(disk: Disk): Promise<NodeFolder | undefined> {
  const text = await readText(disk, nodePath);
  if (text === undefined) return undefined;
  const [authority, certificate, key, authorityKey] = await Promise.all(
    [authorityPath, certificatePath, keyPath, authorityKeyPath].map((path) => readText(disk, path)),
  );
  if (authority === undefined || certificate === undefined || key === undefined) {
    throw new StoreError(
      'invalid-argument',
      'cluster.node',
      `${folder}/ of the data folder lacks a certificate or its key: join the cluster again`,
    );
  }
  const node = checkNodeFile(parseJson(text));
  return { node, identity: { authority, certificate, key }, authorityKey };
}

function parseJson(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw new StoreError('invalid-argument', 'cluster.node', `${nodePath} is not JSON`, { cause });
  }
  throw new StoreError('invalid-argument', 'cluster.node', `${nodePath} does not hold an object`);
}

/** Another certificate for the key that the node has. */
export async function writeCertificate(disk: Disk, certificate: string): Promise<void> {
  await createDurably(disk, certificatePath, utf8(certificate));
}

/** `node.json` comes last: without it the folder is no node's, and everything can be done again. */
export async function writeNodeFolder(disk: Disk, contents: NodeFolder): Promise<void> {
  const { node, identity, authorityKey } = contents;
  await disk.makeDirectory(folder);
  await createDurably(disk, authorityPath, utf8(identity.authority));
  await createDurably(disk, certificatePath, utf8(identity.certificate));
  await createDurably(disk, keyPath, utf8(identity.key));
  if (authorityKey !== undefined) await createDurably(disk, authorityKeyPath, utf8(authorityKey));
  await disk.syncDirectory('');
  await createDurably(disk, nodePath, utf8(`${JSON.stringify(checkNodeFile(node), null, 2)}\n`));
}
