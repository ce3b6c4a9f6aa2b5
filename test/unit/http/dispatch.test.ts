import { describe, expect, it } from 'vitest';
import { chooseDoor } from '../../../server/http/dispatch.ts';

function door(
  target: string,
  headers: { authorization?: string; host?: string; hasToken?: true } = {},
): string {
  const [path = '', query = ''] = target.split('?');
  const { authorization, host, ...rest } = headers;
  return chooseDoor(
    { path, query, authorization, host, ...rest },
    {
      hostSuffixes: ['s3.example.com'],
      storageDomains: ['swift.example.com'],
      swiftPaths: ['/crossdomain.xml'],
    },
  );
}

describe('the door of a request', () => {
  it('is S3 for a signature, wherever the path points', () => {
    expect(door('/v1/AUTH_a', { authorization: 'AWS4-HMAC-SHA256 …' })).toBe('s3');
    expect(door('/info', { authorization: 'AWS key:signature' })).toBe('s3');
    expect(door('/metrics?X-Amz-Algorithm=AWS4-HMAC-SHA256')).toBe('s3');
    expect(door('/auth/k?x=1&AWSAccessKeyId=a')).toBe('s3');
    expect(door('/auth/k?X%2DAmz%2DAlgorithm=a')).toBe('s3');
  });

  it('is not S3 for a name inside another value', () => {
    expect(door('/v1/a/c?prefix=X-Amz-Algorithm')).toBe('swift');
    expect(door('/v1/a/c?prefix=%zz&%zz=1&AWSAccessKeyIdx=1')).toBe('swift');
  });

  it('is S3 for a virtual host, but not for the domain itself', () => {
    expect(door('/info', { host: 'bucket.S3.example.com:8080' })).toBe('s3');
    expect(door('/info', { host: 's3.example.com' })).toBe('swift');
    expect(door('/info', { host: 'evils3.example.com' })).toBe('swift');
  });

  it('is Swift for a host that is an account', () => {
    expect(door('/any', { host: 'AUTH-a.swift.example.com' })).toBe('swift');
    expect(door('/any', { host: 'swift.example.com' })).toBe('s3');
    const authorization = 'AWS key:signature';
    expect(door('/any', { host: 'AUTH-a.swift.example.com', authorization })).toBe('s3');
  });

  it('goes by the path for the rest', () => {
    for (const path of [
      '/v1',
      '/v1.0',
      '/v1/a',
      '/v1.0/a',
      '/auth/v1.0',
      '/info',
      '/healthcheck',
      '//v1',
    ]) {
      expect(door(path), path).toBe('swift');
    }
    for (const path of ['/metrics', '/torc/health', '/recon/load'])
      expect(door(path), path).toBe('admin');
    for (const path of ['/', '/v1x/a', '/bucket/v1/k', '/information', '/torc', '/v2/a']) {
      expect(door(path), path).toBe('s3');
    }
  });

  it('is Swift for a token, where nothing else decides', () => {
    expect(door('/info%20asdf', { hasToken: true })).toBe('swift');
    expect(door('/info%20asdf')).toBe('s3');
    expect(door('/metrics', { hasToken: true })).toBe('admin');
    expect(door('/k', { hasToken: true, host: 'bucket.s3.example.com' })).toBe('s3');
    expect(door('/k', { hasToken: true, authorization: 'AWS key:signature' })).toBe('s3');
  });

  it('is Swift for a path that its settings take', () => {
    expect(door('/crossdomain.xml')).toBe('swift');
    expect(door('/crossdomain.xml.bak')).toBe('s3');
    const head = { path: '/endpoints/a', query: '', authorization: undefined, host: undefined };
    expect(chooseDoor(head, { hostSuffixes: [] })).toBe('s3');
    expect(chooseDoor(head, { hostSuffixes: [], listsEndpoints: true })).toBe('admin');
  });
});
