import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { StoreError } from '../../../base/errors.ts';
import type { IdentityService, KeyProof, RemoteKey } from '../../../server/core/identity.ts';
import { signatureOf } from './fake-keystone.ts';
import { createHarness } from '../s3/harness.ts';

const key = { accessKeyId: 'ec2-access', secretAccessKey: 'ec2-secret' };

interface Learning extends IdentityService {
  readonly proofs: KeyProof[];
  isAway: boolean;
}

/** Checks a proof as Keystone does, from the text alone. */
function learning(): Learning {
  const known = new Map<string, RemoteKey>();
  const service: Learning = {
    proofs: [],
    isAway: false,
    challenge: '',
    principalOf: async () => undefined,
    keyOf: (accessKeyId) => known.get(accessKeyId),
    learnKey: async (proof) => {
      await Promise.resolve();
      if (service.isAway) throw new StoreError('unavailable', 'test', 'away');
      service.proofs.push(proof);
      const { accessKeyId, stringToSign, signature } = proof;
      const isV4 = stringToSign.startsWith('AWS4-HMAC-SHA256');
      const expected = isV4
        ? signatureOf(key.secretAccessKey, stringToSign)
        : createHmac('sha1', key.secretAccessKey).update(stringToSign).digest('base64');
      if (accessKeyId !== key.accessKeyId || signature !== expected) return false;
      known.set(accessKeyId, {
        principal: { type: 'user', account: 'AUTH_p1', user: 'u1', role: 'owner' },
        secretAccessKey: key.secretAccessKey,
      });
      return true;
    },
  };
  return service;
}

it('an access key from outside is learned once, by the signature of a request', async () => {
  const identity = learning();
  const { ask, core } = createHarness({ identity });
  const sign = { key };
  const body = 'x'.repeat(20_000);
  expect((await ask('PUT', '/bucket', { sign })).status).toBe(200);
  // Chunks are signed with the key itself.
  const chunked = { sign: { key, mode: 'streaming', chunkBytes: 8192 }, body } as const;
  expect((await ask('PUT', '/bucket/a b', chunked)).status).toBe(200);
  expect((await ask('GET', '/bucket/a b', { sign })).text).toBe(body);
  expect(identity.proofs).toHaveLength(1);
  const principal = { type: 'user', account: 'AUTH_p1', user: 'u1', role: 'owner' } as const;
  const at = { account: 'AUTH_p1', container: 'bucket' };
  expect((await core.headContainer({ principal }, at)).row.account).toBe('AUTH_p1');
});

it('a first request with a body in signed chunks is learned from, too', async () => {
  const { ask } = createHarness({ identity: learning() });
  await ask('PUT', '/bucket', { sign: { key } });
  const other = createHarness({ identity: learning() });
  const put = await other.ask('PUT', '/none/k', { sign: { key, mode: 'streaming' }, body: 'abc' });
  expect(put.code).toBe('NoSuchBucket');
});

it('what nobody vouches for is refused, and 503 when nobody can say', async () => {
  const identity = learning();
  const { ask } = createHarness({ identity });
  const wrong = { key: { ...key, secretAccessKey: 'guess' } };
  expect((await ask('GET', '/', { sign: wrong })).code).toBe('AccessDenied');
  const unknown = { key: { accessKeyId: 'nobody', secretAccessKey: 'x' } };
  expect((await ask('GET', '/', { sign: unknown })).code).toBe('AccessDenied');
  identity.isAway = true;
  expect((await ask('GET', '/', { sign: { key } })).status).toBe(503);
  identity.isAway = false;
  expect((await ask('GET', '/', { sign: { key } })).status).toBe(200);
  identity.isAway = true;
  expect((await ask('GET', '/', { sign: { key } })).status).toBe(200);
  expect((await ask('GET', '/', { sign: wrong })).code).toBe('SignatureDoesNotMatch');
});
