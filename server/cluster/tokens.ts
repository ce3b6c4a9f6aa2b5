/**
 * Tokens by which machines join: each names the cluster's authority and where it is reached, and holds a
 * secret that is good once. The node keeps only hashes of secrets, each as the name of a file in `cluster/tokens`:
 * commands make some while the server spends others.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { fromUtf8, utf8 } from '../../base/bytes.ts';
import { createDurably, type Disk } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';

const folder = 'cluster/tokens';
const secretBytes = 24;
/** Tokens that are good at one time. */
const tokensMax = 1000;

const fileSchema = z.strictObject({ expires: z.number() });

const tokenSchema = z.strictObject({
  v: z.literal(1),
  /** HOST:PORT of the node that signs. */
  a: z.string().min(3),
  /** Its name. */
  n: z.string().min(1),
  /** The authority's certificate, DER in base64. */
  c: z.string().min(1),
  /** The secret. */
  s: z.string().min(1),
});

export interface JoinToken {
  readonly address: string;
  readonly node: string;
  /** PEM. */
  readonly authority: string;
  readonly secret: string;
}

function hashOf(secret: string): string {
  return createHash('sha256').update(`torc join ${secret}`).digest('hex');
}

export function encodeToken({ address, node, authority, secret }: JoinToken): string {
  const c = authority.replaceAll(/-----[^-]+-----|\s/g, '');
  const token = { v: 1, a: address, n: node, c, s: secret };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** Throws `invalid-argument`, and shows nothing of the token. */
export function decodeToken(text: string): JoinToken {
  try {
    const { a, n, c, s } = tokenSchema.parse(
      JSON.parse(Buffer.from(text.trim(), 'base64url').toString('utf8')),
    );
    const lines = c.match(/.{1,64}/g) ?? [];
    const authority = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
    return { address: a, node: n, authority, secret: s };
  } catch {
    const sentence = 'this is no token: it is one line, as torc cluster token prints it';
    throw new StoreError('invalid-argument', 'cluster.token', sentence);
  }
}

interface Stored {
  readonly hash: string;
  readonly expires: number;
}

function pathOf(hash: string): string {
  return `${folder}/${hash}`;
}

async function readAll(disk: Disk): Promise<readonly Stored[]> {
  const all: Stored[] = [];
  for (const hash of await disk.list(folder)) {
    const bytes = /^[0-9a-f]{64}$/.test(hash) ? await disk.readAll(pathOf(hash)) : undefined;
    if (bytes !== undefined) all.push({ hash, ...fileSchema.parse(JSON.parse(fromUtf8(bytes))) });
  }
  return all;
}

/** A new secret, good until `expires` (milliseconds since 1970). `disk` is the data folder. */
export async function addSecret(
  disk: Disk,
  making: { readonly random: Random; readonly now: number; readonly expires: number },
): Promise<string> {
  const secret = Buffer.from(making.random.bytes(secretBytes)).toString('base64url');
  await disk.makeDirectory(folder);
  await disk.syncDirectory('cluster');
  let living = 0;
  for (const { hash, expires } of await readAll(disk)) {
    if (expires > making.now) living++;
    else await disk.remove(pathOf(hash));
  }
  if (living >= tokensMax) {
    throw new StoreError('invalid-argument', 'cluster.token', 'too many tokens wait to be used');
  }
  const file: z.infer<typeof fileSchema> = { expires: making.expires };
  await createDurably(disk, pathOf(hashOf(secret)), utf8(JSON.stringify(file)));
  return secret;
}

/** Whether the secret is good. */
export async function knowsSecret(disk: Disk, secret: string, now: number): Promise<boolean> {
  const given = Buffer.from(hashOf(secret));
  let found = false;
  for (const { hash, expires } of await readAll(disk)) {
    // All are looked at: how long it takes tells nothing.
    if (timingSafeEqual(given, Buffer.from(hash)) && expires > now) found = true;
  }
  return found;
}

/** It was used. */
export async function spendSecret(disk: Disk, secret: string): Promise<void> {
  await disk.remove(pathOf(hashOf(secret)));
  await disk.syncDirectory(folder);
}
