import { beforeEach, expect, test } from 'vitest';
import { createDurably } from '../../../base/disk.ts';
import { isStoreError } from '../../../base/errors.ts';
import { type Logger, silentLogger } from '../../../base/log.ts';
import type { Principal } from '../../../server/core/api.ts';
import { AuditLog, auditPath } from '../../../server/keys/audit-log.ts';
import { LocalKeyService } from '../../../server/keys/local-key-service.ts';
import { ManualClock, seededRandom } from '../../memory/ports.ts';
import { SimDisk } from '../../sim/disk.ts';

const secret = Buffer.alloc(32, 's');
const principal: Principal = { type: 'user', account: 'blue', user: 'ann', role: 'owner' };
const use = { context: { b: '2', a: '1' }, principal };
const prefix = 'arn:aws:kms:eu-x-1:000000000000:';

let disk: SimDisk;
let service: LocalKeyService;

function open(audit = new AuditLog(disk), logger: Logger = silentLogger): Promise<LocalKeyService> {
  const random = seededRandom('kms');
  return LocalKeyService.open({
    ...{ disk, random, logger, audit, clock: new ManualClock(), region: 'eu-x-1' },
  });
}

beforeEach(async () => {
  disk = new SimDisk();
  service = await open();
  await service.create({ id: 'key-1', aliases: ['alias/one'] });
});

async function reason(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return 'fulfilled';
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return error.detail['reason'] ?? error.kind;
  }
}

async function auditLines(path = auditPath): Promise<Record<string, unknown>[]> {
  const text = Buffer.from((await disk.readAll(path)) ?? []).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Record<string, unknown> => JSON.parse(line));
}

test('a key is found by id, alias and ARN, and shown as it was named, or by its ARN', async () => {
  const arn = `${prefix}key/key-1`;
  const shown = async (name: string | undefined): Promise<string> =>
    (await service.wrap(name, secret, use)).shownKeyId;
  expect(await shown('key-1')).toBe('key-1');
  for (const name of [arn, 'alias/one', `${prefix}alias/one`]) expect(await shown(name)).toBe(arn);
  for (const name of [undefined, 'key-2', 'alias/two', 'key/key-1', `${prefix}key/`, '']) {
    expect(await reason(service.wrap(name, secret, use))).toBe('key-not-found');
  }
  const elsewhere = 'arn:aws:kms:us-east-1:000000000000:key/key-1';
  expect(await reason(service.wrap(elsewhere, secret, use))).toBe('key-not-found');
  await service.addAlias('key-1', 'alias/aws/s3');
  expect(await shown(undefined)).toBe(arn);
});

test('what was wrapped opens in the same context only, in whatever order, also after rotations', async () => {
  const old = await service.wrap('key-1', secret, use);
  expect(await service.rotate('alias/one')).toBe(2);
  const wrapped = await service.wrap('key-1', secret, use);
  const again = await open();
  for (const one of [old, wrapped]) {
    const context = { a: '1', b: '2' };
    expect(await again.unwrap(one, { ...use, context })).toEqual(secret);
    for (const other of [{}, { a: '1' }, { a: '1', b: '3' }, { a: '1', b: '2', c: '3' }]) {
      expect(await reason(again.unwrap(one, { ...use, context: other }))).toBe('corrupt');
    }
  }
  expect(again.list()).toMatchObject([{ id: 'key-1', versions: 2, aliases: ['alias/one'] }]);
  const bad = Uint8Array.from(old.wrapped);
  bad[4] = 9;
  expect(await reason(again.unwrap({ keyId: 'key-1', wrapped: bad }, use))).toBe('key-not-found');
  const short = { keyId: 'key-1', wrapped: new Uint8Array(3) };
  expect(await reason(again.unwrap(short, use))).toBe('key-not-found');
});

test('a disabled key, one of other accounts, and anybody unsigned are refused', async () => {
  const wrapped = await service.wrap('key-1', secret, use);
  await service.setEnabled('key-1', false);
  expect(await reason(service.wrap('key-1', secret, use))).toBe('key-disabled');
  expect(await reason((await open()).unwrap(wrapped, use))).toBe('key-disabled');
  await service.setEnabled('key-1', true);
  expect(await service.unwrap(wrapped, use)).toEqual(secret);
  const nobody: Principal = { type: 'anonymous', account: '', user: '', role: 'member' };
  expect(await reason(service.unwrap(wrapped, { ...use, principal: nobody }))).toBe('key-denied');
  await service.create({ id: 'red-key', accounts: ['red'] });
  expect(await reason(service.wrap('red-key', secret, use))).toBe('key-denied');
  const red: Principal = { ...principal, account: 'red' };
  expect(await reason(service.wrap('red-key', secret, { ...use, principal: red }))).toBe(
    'fulfilled',
  );
});

test('each use leaves a line, refused ones too, and no line holds a secret', async () => {
  const wrapped = await service.wrap('alias/one', secret, use);
  await service.unwrap(wrapped, use);
  await reason(service.wrap('nobody', secret, use));
  await service.setEnabled('key-1', false);
  await reason(service.unwrap(wrapped, use));
  const lines = await auditLines();
  const common = { account: 'blue', user: 'ann', context: use.context, at: expect.any(String) };
  expect(lines).toEqual([
    { ...common, operation: 'wrap', key: 'key-1', version: 1, outcome: 'permitted' },
    { ...common, operation: 'unwrap', key: 'key-1', version: 1, outcome: 'permitted' },
    { ...common, operation: 'wrap', key: 'nobody', outcome: 'key-not-found' },
    { ...common, operation: 'unwrap', key: 'key-1', version: 1, outcome: 'key-disabled' },
  ]);
});

test('a use that cannot be written down is refused', async () => {
  const strict = await open(new AuditLog(disk));
  disk.fail('all');
  expect(await reason(strict.wrap('key-1', secret, use))).toBe('unavailable');
  disk.fail('nothing');
  expect(await reason(strict.wrap('key-1', secret, use))).toBe('fulfilled');
});

test('the log goes on where it was, and moves on when it is long', async () => {
  for (let round = 0; round < 12; round++) {
    const audit = new AuditLog(disk, 400);
    await Promise.all(
      [1, 2, 3].map((number) => audit.record({ round, number, pad: 'x'.repeat(60) })),
    );
    await audit.close();
  }
  const names = (await disk.list('keys')).filter((name) => name.startsWith('kms-audit'));
  expect(names.length).toBeGreaterThan(2);
  expect(names.length).toBeLessThanOrEqual(9);
  const files = await Promise.all(names.map((name) => auditLines(`keys/${name}`)));
  const lines = files.flat();
  expect(lines.length % 3).toBe(0);
  expect(lines.at(-1)).toBeDefined();
  expect((await auditLines()).at(-1)).toMatchObject({ round: 11, number: 3 });
});

test('a damaged key file takes no other key with it, and is told', async () => {
  const wrapped = await service.wrap('key-1', secret, use);
  await service.create({ id: 'key-2' });
  await createDurably(disk, 'keys/kms/key-1.json', Buffer.from('{}'));
  const events: string[] = [];
  const logger = { ...silentLogger, error: ({ event }: { event: string }) => events.push(event) };
  const again = await open(new AuditLog(disk), logger);
  expect(events).toEqual(['keys.damaged']);
  expect(await reason(again.unwrap(wrapped, use))).toBe('key-not-found');
  expect(await reason(again.wrap('key-2', secret, use))).toBe('fulfilled');
  // Its file is still there, perhaps to be mended: nothing replaces it.
  expect(await reason(again.create({ id: 'key-1' }))).toBe('conflict');
});

test('an alias is of one key, and ids are no paths', async () => {
  await service.create({ id: 'key-2' });
  expect(await reason(service.create({ id: 'key-3', aliases: ['alias/one'] }))).toBe('conflict');
  await service.addAlias('key-2', 'alias/one');
  expect((await service.wrap('alias/one', secret, use)).keyId).toBe('key-2');
  expect((await open()).list().find(({ id }) => id === 'key-1')?.aliases).toEqual([]);
  for (const id of ['../evil', 'a/b', '', 'x'.repeat(65), 'a.b']) {
    expect(await reason(service.create({ id }))).toBe('invalid-argument');
  }
  expect(await reason(service.addAlias('key-2', 'one'))).toBe('invalid-argument');
  expect(await reason(service.rotate('nobody'))).toBe('invalid-argument');
  expect(await service.create({})).toMatch(/^[0-9a-f]{32}$/);
});
