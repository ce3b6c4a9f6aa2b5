/** The keys of a store, from its data folder: made with the store, and never again by themselves. */
import type { Clock } from '../../base/clock.ts';
import type { Disk } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Keys } from '../core/encryption/key-ports.ts';
import { AuditLog } from './audit-log.ts';
import { FileKeyRing, keyRingPath, lostKeyRing } from './key-ring.ts';
import { LocalKeyService } from './local-key-service.ts';

export interface KeySettings {
  /** Every new object is encrypted. */
  readonly encryptAll: boolean;
  /** `optional`: a store whose ring is lost, or another, starts: what the lost one wrapped is lost with it. */
  readonly keyRing: 'required' | 'optional';
  /** Ids of keys of the key service that must be there; made with the store. */
  readonly serviceKeys: readonly string[];
}

export interface OpenKeysOptions {
  /** The data folder. */
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly region: string;
}

export interface OpenKeys {
  /** undefined: there is no ring. */
  readonly ring: FileKeyRing | undefined;
  readonly service: LocalKeyService;
  close(): Promise<void>;
}

/** As they are, for operators. Throws `corrupt` for a ring that is damaged. */
export async function openKeys(options: OpenKeysOptions): Promise<OpenKeys> {
  const audit = new AuditLog(options.disk);
  const ring = await FileKeyRing.open(options);
  const service = await LocalKeyService.open({ ...options, audit });
  return { ring, service, close: () => audit.close() };
}

/** With a store, before its map is written: the keys that it will need. A start that died may have left some. Returns the ring's id, for the map. */
export async function makeKeys(options: OpenKeysOptions, settings: KeySettings): Promise<string> {
  const ring = (await FileKeyRing.open(options)) ?? (await FileKeyRing.create(options));
  const { service } = await openKeys(options);
  const known = new Set(service.list().map(({ id }) => id));
  for (const id of settings.serviceKeys) if (!known.has(id)) await service.create({ id });
  return ring.id;
}

/** What the server works with. `ringId`: what the cluster map says; undefined for a store from before there were rings. Throws a sentence for the operator when keys are missing. */
export async function keysForServer(
  options: OpenKeysOptions,
  settings: KeySettings,
  ringId: string | undefined,
): Promise<{ readonly opened: OpenKeys; readonly keys: Keys }> {
  if (ringId === undefined) await makeKeys(options, settings);
  const opened = await openKeys(options);
  const { ring, service } = opened;
  checkRing(ring, settings, ringId);
  const known = new Set(service.list().map(({ id }) => id));
  for (const id of settings.serviceKeys) {
    if (!known.has(id)) throw missing(`keys/kms/${id}.json`, `torc kms create --id ${id}`);
  }
  const { encryptAll } = settings;
  const keys = { encryptAll, ring: ring ?? lostKeyRing(options.logger), service };
  return { opened, keys };
}

function checkRing(
  ring: FileKeyRing | undefined,
  settings: KeySettings,
  ringId: string | undefined,
): void {
  if (ring === undefined) {
    if (settings.keyRing === 'optional' && !settings.encryptAll) return;
    throw missing(
      keyRingPath,
      'with keyRing "optional" in the configuration what is plain is served',
    );
  }
  if (ringId === undefined || ring.id === ringId || settings.keyRing === 'optional') return;
  throw new StoreError(
    'invalid-argument',
    'keys.open',
    `${keyRingPath} is of another store: bring back the one of this store`,
  );
}

function missing(what: string, otherwise: string): StoreError {
  const sentence = `${what} is not there: bring it back from a backup; or ${otherwise}`;
  return new StoreError('unavailable', 'keys.open', sentence);
}
