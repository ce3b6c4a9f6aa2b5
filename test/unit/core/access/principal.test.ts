import { describe, expect, it } from 'vitest';
import {
  domainToNote,
  isOwnerOf,
  isReaderOf,
  namesAt,
  type Principal,
} from '../../../../server/core/access/principal.ts';

/** As Keystone describes somebody. */
const principal: Principal = {
  ...{ type: 'user', account: 'AUTH_p', user: 'u', role: 'owner' },
  owns: ['AUTH_p', 'SERVICE_p'],
  homes: ['AUTH_p', 'SERVICE_p'],
  names: ['group:p:u'],
  namesAtHome: ['group:member'],
  namesInDomain: { domain: 'default', names: ['group:demo:alice'] },
  domain: 'default',
};

describe('names', () => {
  it('of roles count at home, of a domain where the account is of it', () => {
    const at = (account: string, domain?: string): readonly string[] =>
      namesAt(principal, account, domain).filter((name) => name.startsWith('group:'));
    expect(at('SERVICE_p')).toEqual(['group:p:u', 'group:member', 'group:demo:alice']);
    expect(at('AUTH_p', 'other')).toEqual(['group:p:u', 'group:member', 'group:demo:alice']);
    expect(at('AUTH_q', 'default')).toEqual(['group:p:u', 'group:demo:alice']);
    expect(at('AUTH_q')).toEqual(['group:p:u', 'group:demo:alice']);
    for (const domain of ['other', '_unknown']) expect(at('AUTH_q', domain)).toEqual(['group:p:u']);
  });
});

describe('the domain of an account', () => {
  it('is that of the project whose account it is', () => {
    expect(domainToNote(principal, 'AUTH_p', undefined)).toBe('default');
    expect(domainToNote(principal, 'AUTH_q', undefined)).toBe('_unknown');
    expect(domainToNote(principal, 'AUTH_p', { domain: '_unknown' })).toBe('default');
    expect(domainToNote(principal, 'AUTH_q', { domain: '_unknown' })).toBeUndefined();
    expect(domainToNote(principal, 'AUTH_p', { domain: 'other' })).toBeUndefined();
    expect(domainToNote(principal, 'AUTH_p', {})).toBeUndefined();
    expect(domainToNote({ ...principal, domain: undefined }, 'AUTH_p', undefined)).toBeUndefined();
  });
});

describe('what somebody is', () => {
  it('may be the owner of several accounts, or of none but one of a service', () => {
    expect(['AUTH_p', 'SERVICE_p', 'AUTH_q'].map((one) => isOwnerOf(principal, one))).toEqual([
      true,
      true,
      false,
    ]);
    const partly: Principal = { ...principal, owns: ['SERVICE_p'] };
    expect(isOwnerOf(partly, 'AUTH_p')).toBe(false);
    expect(isOwnerOf(partly, 'SERVICE_p')).toBe(true);
    expect(isOwnerOf({ ...partly, role: 'member' }, 'SERVICE_p')).toBe(false);
  });

  it('may be a reader of all, or of some', () => {
    expect(isReaderOf({ ...principal, reads: 'all' }, 'AUTH_q')).toBe(true);
    expect(isReaderOf({ ...principal, reads: ['AUTH_p'] }, 'AUTH_p')).toBe(true);
    expect(isReaderOf({ ...principal, reads: ['AUTH_p'] }, 'AUTH_q')).toBe(false);
  });
});
