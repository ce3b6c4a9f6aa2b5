/** Small JSON files that hold keys (docs/format/encryption.md): whole or refused, and never in a log. */
import { hash } from 'node:crypto';
import { z } from 'zod';
import { utf8 } from '../../base/bytes.ts';
import { createDurably, type Disk } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import { keyBytes } from '../core/encryption/wrapped-key.ts';

/** Base64 of 32 bytes. */
export const secretText: z.ZodString = z.string().refine((text) => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === keyBytes && bytes.toString('base64') === text;
}, 'is no key');

export function secretBytes(text: string): Uint8Array {
  return Buffer.from(text, 'base64');
}

function checkOf(fields: object): string {
  return hash('sha256', JSON.stringify(fields), 'hex');
}

export function encodeKeyFile(fields: object): Uint8Array {
  return utf8(`${JSON.stringify({ ...fields, check: checkOf(fields) }, null, 2)}\n`);
}

/** Throws `corrupt` with a sentence that names the file and shows nothing of it. */
export function decodeKeyFile<T extends object>(
  schema: z.ZodType<T>,
  path: string,
  bytes: Uint8Array,
): T {
  try {
    const { check, ...fields } = z
      .looseObject({ check: z.string() })
      .parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    if (check === checkOf(fields)) return schema.parse(fields);
  } catch {
    // Neither the text nor the parser's message may leave: both can hold keys.
  }
  throw new StoreError('corrupt', 'keys.read', `${path} is damaged: bring it back from a backup`);
}

/** Replaces the file as a whole, mode 0600, synced. */
export async function writeKeyFile(disk: Disk, path: string, fields: object): Promise<void> {
  const slash = path.lastIndexOf('/');
  await disk.makeDirectory(path.slice(0, slash));
  await createDurably(disk, path, encodeKeyFile(fields));
}
