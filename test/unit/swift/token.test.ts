import { describe, expect, it } from 'vitest';
import { openToken, sameKey, signToken } from '../../../server/swift/auth/token.ts';

const secret = new Uint8Array(32).fill(7);
const nonce = new Uint8Array(8).fill(1);
const content = { login: 'test:tester', expiresAt: 1_800_000_000 };
const keyOf = (login: string): string | undefined => (login === 'test:tester' ? 'key' : undefined);

describe('tokens', () => {
  const token = signToken(secret, content, nonce, 'key');

  it('open under the secret that signed them', () => {
    expect(token).toMatch(/^AUTH_tk[\w-]+$/);
    expect(openToken(secret, token, keyOf)).toEqual(content);
    expect(openToken(new Uint8Array(32).fill(8), token, keyOf)).toBeUndefined();
  });

  it('die with the key or the user', () => {
    expect(openToken(secret, token, () => 'another')).toBeUndefined();
    expect(openToken(secret, token, () => undefined)).toBeUndefined();
    // A user without a key must not make the empty key a valid one.
    const keyless = signToken(secret, content, nonce, '');
    expect(openToken(secret, keyless, () => undefined)).toBeUndefined();
  });

  it('differ by nonce, and no changed character opens', () => {
    expect(signToken(secret, content, new Uint8Array(8).fill(2), 'key')).not.toBe(token);
    const bytes = Buffer.from(token.slice(7), 'base64url');
    for (let i = 0; i < bytes.length; i++) {
      const forged = Buffer.from(bytes);
      forged[i] = (forged[i] ?? 0) ^ 1;
      expect(openToken(secret, `AUTH_tk${forged.toString('base64url')}`, keyOf)).toBeUndefined();
    }
  });

  it('may be anything at all without harm', () => {
    for (const text of ['', 'AUTH_tk', 'AUTH_tk0123', `AUTH_tk${'A'.repeat(5000)}`, 'bogus']) {
      expect(openToken(secret, text, keyOf)).toBeUndefined();
    }
  });

  it('compare keys', () => {
    expect(sameKey(secret, 'a', 'a')).toBe(true);
    expect(sameKey(secret, 'a', 'ab')).toBe(false);
    expect(sameKey(secret, '', 'ab')).toBe(false);
  });
});
