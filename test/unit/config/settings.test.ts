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
      policy: 'ec:4+2',
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
    expect(found).toMatchObject({ region: 'flag', policy: 'ec:2+1', logLevel: 'warn' });
    expect(load({ environment: { TORC_DEVICES: 'a,b' } }).devices).toEqual(['a', 'b']);
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
});
