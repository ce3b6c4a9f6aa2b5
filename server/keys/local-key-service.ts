/** The key service of one machine: a file a key, an audit line a use. */
import { z } from 'zod';
import { toHex, utf8 } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import type { Disk } from '../../base/disk.ts';
import { isStoreError, StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { keyFailure } from '../core/encryption/failures.ts';
import type { KeyService, KeyUse, WrappedSecret } from '../core/encryption/key-ports.ts';
import { keyBytes, keyOf, unwrapKey, wrapKey } from '../core/encryption/wrapped-key.ts';
import type { AuditLog } from './audit-log.ts';
import { decodeKeyFile, secretBytes, secretText, writeKeyFile } from './key-file.ts';

const folder = 'keys/kms';
/** What requests that name no key use, as with Amazon; it is there once an operator gave it to a key. */
const DEFAULT_ALIAS = 'alias/aws/s3';
/** Amazon's ARNs have an account of twelve digits; accounts here are names, and keys are the store's. */
const OWNER = '000000000000';
const FORMAT = 1;
const MAX_KEYS = 10_000;

export const serviceKeyId: RegExp = /^[A-Za-z0-9_-]{1,64}$/;
const aliasName = /^alias\/[A-Za-z0-9/_-]{1,250}$/;

interface KeyFile {
  readonly format: 1;
  readonly id: string;
  readonly createdAt: number;
  readonly enabled: boolean;
  readonly aliases: readonly string[];
  /** Whose requests may use it; none named: those of all accounts. */
  readonly accounts: readonly string[];
  readonly versions: readonly {
    readonly number: number;
    readonly createdAt: number;
    readonly secret: string;
  }[];
}

const schema: z.ZodType<KeyFile> = z.strictObject({
  format: z.literal(1),
  id: z.string().regex(serviceKeyId),
  createdAt: z.number(),
  enabled: z.boolean(),
  aliases: z.array(z.string().regex(aliasName)),
  accounts: z.array(z.string()),
  versions: z
    .array(z.strictObject({ number: z.int().min(1), createdAt: z.number(), secret: secretText }))
    .min(1),
});

export interface LocalKeyServiceParts {
  /** The data folder. */
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Of the ARNs. */
  readonly region: string;
  readonly audit: AuditLog;
}

/** What operators see of a key. */
export interface KeyDescription {
  readonly id: string;
  readonly createdAt: number;
  readonly enabled: boolean;
  readonly aliases: readonly string[];
  readonly accounts: readonly string[];
  readonly versions: number;
}

export class LocalKeyService implements KeyService {
  readonly #parts: LocalKeyServiceParts;
  readonly #keys: Map<string, KeyFile>;
  #changing: Promise<unknown> = Promise.resolve();

  private constructor(parts: LocalKeyServiceParts, keys: Map<string, KeyFile>) {
    this.#parts = parts;
    this.#keys = keys;
  }

  /** A damaged file is logged and its key is as if lost: the others work. */
  static async open(parts: LocalKeyServiceParts): Promise<LocalKeyService> {
    const { disk, logger } = parts;
    const keys = new Map<string, KeyFile>();
    const names = (await disk.list(folder)).filter((name) => name.endsWith('.json'));
    for (const name of names.slice(0, MAX_KEYS)) {
      const path = `${folder}/${name}`;
      try {
        const file = decodeKeyFile(schema, path, (await disk.readAll(path)) ?? new Uint8Array(0));
        if (name === `${file.id}.json`) keys.set(file.id, file);
        else throw new StoreError('corrupt', 'keys.open', `${path} holds key ${file.id}`);
      } catch (error) {
        if (!isStoreError(error, 'corrupt')) throw error;
        const { message } = error;
        logger.error({ event: 'keys.damaged', path, message }, 'A key of the key service is lost.');
      }
    }
    return new LocalKeyService(parts, keys);
  }

  list(): readonly KeyDescription[] {
    return [...this.#keys.values()].map((file) => {
      const { id, createdAt, enabled, aliases, accounts, versions } = file;
      return { id, createdAt, enabled, aliases, accounts, versions: versions.length };
    });
  }

  async wrap(
    key: string | undefined,
    secret: Uint8Array,
    use: KeyUse,
  ): Promise<WrappedSecret & { readonly shownKeyId: string }> {
    const name = key ?? DEFAULT_ALIAS;
    const file = this.#find(name);
    await this.#permit('wrap', file, { name, use });
    if (file === undefined) throw keyFailure('key-not-found', 'keys.wrap', named(name));
    const version = file.versions.at(-1);
    if (version === undefined) throw keyFailure('key-not-found', 'keys.wrap', named(name));
    const master = keyOf(secretBytes(version.secret));
    const { random } = this.#parts;
    const inner = wrapKey(master, secret, { binding: bindingOf(use.context), random });
    const head = Buffer.alloc(5);
    head[0] = FORMAT;
    head.writeUInt32BE(version.number, 1);
    const shownKeyId = name === file.id ? file.id : this.arnOf(file.id);
    return { keyId: file.id, shownKeyId, wrapped: Buffer.concat([head, inner]) };
  }

  async unwrap({ keyId, wrapped }: WrappedSecret, use: KeyUse): Promise<Uint8Array> {
    const file = this.#keys.get(keyId);
    const bytes = Buffer.from(wrapped);
    const number = bytes.length > 5 && bytes[0] === FORMAT ? bytes.readUInt32BE(1) : 0;
    await this.#permit('unwrap', file, { name: keyId, use, version: number });
    if (file === undefined) throw lost(keyId);
    const version = file.versions.find((one) => one.number === number);
    if (version === undefined) throw lost(`${keyId}, version ${number}`);
    const master = keyOf(secretBytes(version.secret));
    const secret = unwrapKey(master, bytes.subarray(5), bindingOf(use.context));
    if (secret !== undefined) return secret;
    throw new StoreError('corrupt', 'keys.unwrap', 'a wrapped key is not what was wrapped');
  }

  arnOf(id: string): string {
    return `arn:aws:kms:${this.#parts.region}:${OWNER}:key/${id}`;
  }

  /** By id, alias, or the ARN of either. */
  #find(name: string): KeyFile | undefined {
    const prefix = this.arnOf('').slice(0, -'key/'.length);
    const local = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    if (local.startsWith('alias/')) {
      return [...this.#keys.values()].find(({ aliases }) => aliases.includes(local));
    }
    return this.#keys.get(local !== name && local.startsWith('key/') ? local.slice(4) : name);
  }

  /** Leaves the audit line, and throws unless this key may be used so. */
  async #permit(
    operation: 'wrap' | 'unwrap',
    file: KeyFile | undefined,
    what: { readonly name: string; readonly use: KeyUse; readonly version?: number },
  ): Promise<void> {
    const { name, use, version = file?.versions.at(-1)?.number } = what;
    const { account, user } = use.principal;
    const refusal = file === undefined ? 'key-not-found' : refusalOf(file, use);
    await this.#parts.audit.record({
      at: new Date(this.#parts.clock.now()).toISOString(),
      ...{ operation, key: file?.id ?? name, version, account, user, context: use.context },
      outcome: refusal ?? 'permitted',
    });
    if (refusal !== undefined && file !== undefined) {
      throw keyFailure(refusal, `keys.${operation}`, named(file.id));
    }
  }

  /** Operators: makes a key. Throws `conflict` when its id or an alias is taken. */
  create(wanted: {
    readonly id?: string | undefined;
    readonly aliases?: readonly string[];
    readonly accounts?: readonly string[];
  }): Promise<string> {
    return this.#change(async () => {
      const id = wanted.id ?? toHex(this.#parts.random.bytes(16));
      if (!serviceKeyId.test(id)) throw invalid(`"${id}" cannot be the id of a key`);
      const path = pathOf(id);
      if (this.#keys.has(id) || (await this.#parts.disk.readAll(path)) !== undefined) {
        throw new StoreError('conflict', 'keys.create', `the key ${id} is there already`);
      }
      const aliases = [...(wanted.aliases ?? [])];
      for (const alias of aliases) this.#checkAlias(alias);
      const createdAt = this.#parts.clock.now();
      const versions = [{ number: 1, createdAt, secret: this.#newSecret() }];
      const accounts = [...(wanted.accounts ?? [])];
      await this.#save({ format: 1, id, createdAt, enabled: true, aliases, accounts, versions });
      return id;
    });
  }

  /** Operators: what is wrapped from now on has new bytes of the key; older versions stay. Returns the new number. */
  rotate(name: string): Promise<number> {
    return this.#change(async () => {
      const file = this.#known(name);
      const number = (file.versions.at(-1)?.number ?? 0) + 1;
      const added = { number, createdAt: this.#parts.clock.now(), secret: this.#newSecret() };
      await this.#save({ ...file, versions: [...file.versions, added] });
      return number;
    });
  }

  /** Operators. */
  setEnabled(name: string, enabled: boolean): Promise<void> {
    return this.#change(() => this.#save({ ...this.#known(name), enabled }));
  }

  /** Operators: one more name; it is taken from the key that has it. */
  addAlias(name: string, alias: string): Promise<void> {
    return this.#change(async () => {
      const file = this.#known(name);
      if (!aliasName.test(alias)) throw invalid(`"${alias}" is no alias: alias/name`);
      const holder = this.#find(alias);
      if (holder?.id === file.id) return;
      // First away, then given: after a crash in between nobody has it, never two.
      if (holder !== undefined) {
        const aliases = holder.aliases.filter((one) => one !== alias);
        await this.#save({ ...holder, aliases });
      }
      await this.#save({ ...file, aliases: [...file.aliases, alias] });
    });
  }

  /** Changes are made one after the other. */
  #change<T>(make: () => Promise<T>): Promise<T> {
    const turn = this.#changing.then(make);
    this.#changing = turn.catch(() => undefined);
    return turn;
  }

  #known(name: string): KeyFile {
    const file = this.#find(name);
    if (file === undefined) throw invalid(`there is no key ${name}`);
    return file;
  }

  #checkAlias(alias: string): void {
    if (!aliasName.test(alias)) throw invalid(`"${alias}" is no alias: alias/name`);
    const holder = this.#find(alias);
    if (holder === undefined) return;
    throw new StoreError('conflict', 'keys.create', `${alias} is the name of key ${holder.id}`);
  }

  #newSecret(): string {
    return Buffer.from(this.#parts.random.bytes(keyBytes)).toString('base64');
  }

  async #save(file: KeyFile): Promise<void> {
    await writeKeyFile(this.#parts.disk, pathOf(file.id), file);
    this.#keys.set(file.id, file);
  }
}

function refusalOf(
  { enabled, accounts }: KeyFile,
  { principal }: KeyUse,
): 'key-disabled' | 'key-denied' | undefined {
  if (!enabled) return 'key-disabled';
  const isOpen = accounts.length === 0 && principal.type !== 'anonymous';
  return isOpen || accounts.includes(principal.account) ? undefined : 'key-denied';
}

function pathOf(id: string): string {
  return `${folder}/${id}.json`;
}

/** The same for the same pairs, whatever their order. */
function bindingOf(context: KeyUse['context']): Uint8Array {
  const names = Object.keys(context).sort();
  return utf8(JSON.stringify(Object.fromEntries(names.map((name) => [name, context[name]]))));
}

function named(keyId: string): { readonly detail: { readonly keyId: string } } {
  return { detail: { keyId } };
}

function lost(keyId: string): StoreError {
  return keyFailure('key-not-found', 'keys.unwrap', { kind: 'unavailable', ...named(keyId) });
}

function invalid(sentence: string): StoreError {
  return new StoreError('invalid-argument', 'keys', sentence);
}
