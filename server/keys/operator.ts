/** What `torc keys` and `torc kms` ask for: over the control port of a running server, or on the files of one that is stopped. */
import { StoreError } from '../../base/errors.ts';
import type { OpenKeys } from './open-keys.ts';
import { FileKeyRing } from './key-ring.ts';
import type { OpenKeysOptions } from './open-keys.ts';

type Ask = (name: string) => string;

/** Answers a call; undefined when it is none of keys. `path` as in `/kms/rotate`. Throws StoreErrors with sentences for the operator. */
export async function answerKeyCall(
  keys: OpenKeys,
  path: string,
  parameters: URLSearchParams,
): Promise<string | undefined> {
  const { service, ring } = keys;
  const ask: Ask = (name) => {
    const value = parameters.get(name);
    if (value !== null && value !== '') return value;
    throw new StoreError('invalid-argument', 'keys', `${name} is missing`);
  };
  switch (path) {
    case '/keys/list':
      return describeRing(ring);
    case '/keys/rotate':
      return `New objects get key ${await theRing(ring).rotate()}; what was written before stays readable. Back up keys/ring.json.`;
    case '/kms/list':
      return service.list().map(describeKey).join('\n');
    case '/kms/create': {
      const id = await service.create({
        id: parameters.get('id') ?? undefined,
        aliases: parameters.getAll('alias'),
        accounts: parameters.getAll('account'),
      });
      return `${service.arnOf(id)}\nBack up keys/kms/${id}.json.`;
    }
    case '/kms/rotate': {
      const number = await service.rotate(ask('key'));
      return `What is wrapped from now on has version ${number} of ${ask('key')}; older versions stay. Back up the key.`;
    }
    case '/kms/enable':
    case '/kms/disable':
      await service.setEnabled(ask('key'), path === '/kms/enable');
      return `${ask('key')} is ${path === '/kms/enable' ? 'enabled' : 'disabled'}.`;
    case '/kms/alias':
      await service.addAlias(ask('key'), ask('alias'));
      return `${ask('alias')} is ${ask('key')}.`;
    default:
      return undefined;
  }
}

/** Makes a ring where none is, for a store that is stopped. What was encrypted under a lost ring stays unreadable. */
export async function createKeyRing(options: OpenKeysOptions): Promise<string> {
  return `The key ring ${(await FileKeyRing.create(options)).id} is made. Back up keys/ring.json.`;
}

function theRing(ring: FileKeyRing | undefined): FileKeyRing {
  if (ring !== undefined) return ring;
  throw new StoreError('unavailable', 'keys', 'there is no key ring');
}

function day(millis: number): string {
  return new Date(millis).toISOString().slice(0, 19);
}

function describeRing(ring: FileKeyRing | undefined): string {
  const lines = theRing(ring)
    .list()
    .map(({ id, createdAt, active }) => `  ${id}  ${day(createdAt)}${active ? '  active' : ''}`);
  return [`Key ring ${theRing(ring).id}`, ...lines].join('\n');
}

function describeKey(key: ReturnType<OpenKeys['service']['list']>[number]): string {
  const { id, createdAt, enabled, aliases, accounts, versions } = key;
  const words = [id, day(createdAt), enabled ? 'enabled' : 'disabled', `versions=${versions}`];
  if (aliases.length > 0) words.push(`aliases=${aliases.join(',')}`);
  if (accounts.length > 0) words.push(`accounts=${accounts.join(',')}`);
  return words.join('  ');
}
