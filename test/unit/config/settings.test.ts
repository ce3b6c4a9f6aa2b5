import { describe, expect, it } from 'vitest';
import { loadSettings, type RawSettings, type Settings } from '../../../server/config/settings.ts';

function load(sources: {
  file?: RawSettings;
  environment?: Record<string, string>;
  flags?: RawSettings;
}): Settings {
  return loadSettings({ file: {}, environment: {}, flags: {}, ...sources });
}

describe('settings', () => {
  it('has the documented defaults', () => {
    expect(load({})).toMatchObject({
      data: 'data',
      policies: { type: 'standard', scheme: undefined },
      http: '127.0.0.1:8080',
      https: '127.0.0.1:8443',
      region: 'us-east-1',
      logLevel: 'info',
      users: [],
    });
    expect(load({}).devices).toEqual([1, 2, 3, 4, 5, 6].map((n) => `data/devices/d${n}`));
    expect(Object.isFrozen(load({}))).toBe(true);
  });

  it('lets flags win over the environment, and that over the file', () => {
    const file = { region: 'file', policy: 'replica:3', logLevel: 'warn' };
    const environment = { TORC_REGION: 'environment', TORC_POLICY: 'ec:2+1', PATH: '/bin' };
    const found = load({ file, environment, flags: { region: 'flag' } });
    const policies = { type: 'standard', scheme: 'ec:2+1' };
    expect(found).toMatchObject({ region: 'flag', policies, logLevel: 'warn' });
    expect(load({ environment: { TORC_DEVICES: 'a,b' } }).devices).toEqual(['a', 'b']);
  });

  it('takes a list of policies in place of one', () => {
    const gold = { name: 'gold', scheme: 'ec:4+2', default: true, aliases: ['best'] };
    const old = { name: 'old', scheme: 'replica:3', deprecated: true };
    expect(load({ file: { policies: [gold, old] } }).policies).toEqual({
      type: 'listed',
      policies: [
        { name: 'gold', scheme: 'ec:4+2', aliases: ['best'], isDeprecated: false, isDefault: true },
        { name: 'old', scheme: 'replica:3', aliases: [], isDeprecated: true, isDefault: false },
      ],
    });
    const refusals: readonly [RawSettings, RegExp][] = [
      [{ policies: [gold], policy: 'ec:4+2' }, /policy: policies are listed/],
      [{ policies: [] }, /policies/],
      [{ policies: [old] }, /exactly one is the default/],
      [{ policies: [gold, { ...old, default: true }] }, /exactly one is the default/],
      [{ policies: [{ ...gold, deprecated: true }] }, /the default is deprecated/],
      [{ policies: [gold, { ...old, name: 'Best' }] }, /a name is used twice/],
      [{ policies: [gold, { ...old, scheme: 'copy:3' }] }, /copy:3/],
      [{ policies: [{ ...gold, name: 'a b' }] }, /is no policy name/],
    ];
    for (const [file, message] of refusals) expect(() => load({ file })).toThrow(message);
  });

  it('takes storage classes', () => {
    const one = { name: 'STANDARD_IA', policy: 'gold' };
    expect(load({ file: { storageClasses: [one] } }).storageClasses).toEqual([
      { ...one, isArchive: false },
    ]);
    const refusals: readonly [RawSettings, RegExp][] = [
      [{ storageClasses: [one, one] }, /a name is used twice/],
      [{ storageClasses: [{ ...one, name: 'STANDARD' }] }, /STANDARD is the policy of the bucket/],
      [{ storageClasses: [{ ...one, name: 'cold' }] }, /no name of a storage class/],
    ];
    for (const [file, message] of refusals) expect(() => load({ file })).toThrow(message);
  });

  it('refuses what it does not know or cannot read, and names it', () => {
    const refusals: readonly [Parameters<typeof load>[0], RegExp][] = [
      [{ file: { colour: 'red' } }, /colour/],
      [{ file: { users: [{ account: 'a', user: 'b', password: 'c' }] } }, /password/],
      [{ environment: { TORC_COLOUR: 'red' } }, /TORC_COLOUR/],
      [{ flags: { http: 'localhost' } }, /http: must be HOST:PORT or off/],
      [{ flags: { logLevel: 'loud' } }, /logLevel/],
      [{ flags: { policy: 'ec:17+2' } }, /ec:17\+2/],
      [{ flags: { devices: ['a', 'a'] } }, /twice/],
    ];
    for (const [sources, message] of refusals) expect(() => load(sources)).toThrow(message);
  });

  it('knows how to encrypt', () => {
    const off = { encryptAll: false, keyRing: 'required', serviceKeys: [] };
    expect(load({})).toMatchObject({ ...off, customerKeysOverHttp: 'loopback' });
    expect(load({ environment: { TORC_ENCRYPT_ALL: 'true' } }).encryptAll).toBe(true);
    expect(load({ file: { encryptAll: true, keyRing: 'optional' } })).toMatchObject({
      ...{ encryptAll: true, keyRing: 'optional' },
    });
    const refusals: readonly [RawSettings, RegExp][] = [
      [{ encryptAll: 'perhaps' }, /encryptAll/],
      [{ keyRing: 'lost' }, /keyRing/],
      [{ serviceKeys: ['../key'] }, /serviceKeys/],
      [{ customerKeysOverHttp: 'sometimes' }, /customerKeysOverHttp/],
    ];
    for (const [file, message] of refusals) expect(() => load({ file })).toThrow(message);
  });
});
