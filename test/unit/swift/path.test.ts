import { describe, expect, it } from 'vitest';
import { parsePath, quote, realmOf, splitPath } from '../../../server/swift/path.ts';
import { Refusal } from '../../../server/swift/reply.ts';

function statusOf(path: string): number | undefined {
  try {
    parsePath(path);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.reply.status;
    throw error;
  }
}

describe('paths', () => {
  it('names accounts, containers and objects', () => {
    expect(parsePath('/v1/AUTH_a')).toEqual({ shape: 'account', account: 'AUTH_a' });
    expect(parsePath('/v1.0/AUTH_a/')).toEqual({ shape: 'account', account: 'AUTH_a' });
    const container = { shape: 'container', account: 'AUTH_a', container: 'c' };
    expect(parsePath('/v1/AUTH_a/c')).toEqual(container);
    expect(parsePath('/v1/AUTH_a/c/')).toEqual(container);
    expect(parsePath('/v1/a/c//o%2F%E2%98%83+%zz')).toEqual({
      shape: 'object',
      account: 'a',
      container: 'c',
      key: '/o/\u2603+%zz',
    });
  });

  it('are refused as Swift refuses them', () => {
    expect(statusOf('/v1')).toBe(412);
    expect(statusOf('/v1/')).toBe(412);
    expect(statusOf('/info%20asdf')).toBe(412);
    for (const path of ['/', '//v1/AUTH_a', '/v1//c/o', '/v1/a//o', '/v1///o']) {
      expect([path, statusOf(path)]).toEqual([path, 404]);
    }
    expect(statusOf('/v2/AUTH_a')).toBe(400);
    for (const path of ['/v1/a/abc%00def', '/v1/a/%ff', '/v1/a/c/%ed%a0%80']) {
      expect([path, statusOf(path)]).toEqual([path, 412]);
    }
  });

  it('keep the realm inside its header', () => {
    expect(realmOf('/v1/AUTH_haxx%22%0AContent-Length:%2012/c')).toBe(
      'AUTH_haxx%22%0AContent-Length%3A%2012',
    );
    expect(realmOf('/v1')).toBe('unknown');
    expect(quote("a/b c~!'()*\u00e9")).toBe('a/b%20c~%21%27%28%29%2A%C3%A9');
  });

  it('split like split_path', () => {
    expect(splitPath('/c/o/p', 2, 2)).toEqual(['c', 'o/p']);
    expect(splitPath('//o', 2, 2)).toBeUndefined();
    expect(splitPath('/o', 2, 2)).toBeUndefined();
    expect(splitPath('/v1/acct/auth', 1, 3)).toEqual(['v1', 'acct', 'auth']);
    expect(splitPath('/v1.0', 1, 3)).toEqual(['v1.0', '', '']);
  });
});
