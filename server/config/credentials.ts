/** The account that a first start makes: random, printed once, kept in a file that only the owner reads. */
import { toHex, utf8 } from '../../base/bytes.ts';
import { createDurably, type Disk } from '../../base/disk.ts';
import type { Random } from '../../base/random.ts';
import { z } from 'zod';
import { StoreError } from '../../base/errors.ts';
import type { UserSettings } from './settings.ts';

const path = 'credentials.json';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Account and user of Swift's sign-in `account:user`. */
  readonly account: string;
  readonly user: string;
  readonly password: string;
}

const schema = z.strictObject({
  accessKeyId: z.string().min(1),
  secretAccessKey: z.string().min(1),
  account: z.string().min(1),
  user: z.string().min(1),
  password: z.string().min(1),
});

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function letterCode(random: Random, count: number): string {
  return Array.from(random.bytes(count), (byte) => letters[byte % 32] ?? 'A').join('');
}

/** `disk` is the data folder. Files are made with mode 0600 by the Disk port. */
export async function loadOrCreateCredentials(
  disk: Disk,
  random: Random,
): Promise<{ readonly credentials: Credentials; readonly created: boolean }> {
  const bytes = await disk.readAll(path);
  if (bytes !== undefined) {
    try {
      const credentials = schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
      return { credentials, created: false };
    } catch (cause) {
      throw new StoreError('invalid-argument', 'credentials', `${path} cannot be read`, { cause });
    }
  }
  const credentials: Credentials = {
    accessKeyId: `TORC${letterCode(random, 16)}`,
    // Hexadecimal: no character that a shell or an option parser (`-K -x…`) reads as its own.
    secretAccessKey: toHex(random.bytes(20)),
    account: `main-${toHex(random.bytes(4))}`,
    user: 'admin',
    password: toHex(random.bytes(16)),
  };
  await createDurably(disk, path, utf8(`${JSON.stringify(credentials, null, 2)}\n`));
  return { credentials, created: true };
}

export function userOf(credentials: Credentials): UserSettings {
  const { account, user, password, accessKeyId, secretAccessKey } = credentials;
  return {
    account,
    user,
    key: password,
    role: 'owner',
    s3Keys: [{ accessKeyId, secretAccessKey }],
  };
}

/** 32 random bytes that sign Swift tokens; kept, so that tokens survive a restart. */
export async function loadOrCreateSecret(disk: Disk, random: Random): Promise<Uint8Array> {
  const file = 'token-secret';
  const known = await disk.readAll(file);
  if (known?.length === 32) return known;
  const secret = random.bytes(32);
  await createDurably(disk, file, secret);
  return secret;
}
