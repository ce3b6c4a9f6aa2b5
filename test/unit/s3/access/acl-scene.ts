/** Buckets with lists, and how what comes of them is told. */
import { expect } from 'vitest';
import { type Answer, all, createHarness, one, other } from '../harness.ts';

export type Harness = ReturnType<typeof createHarness>;
export type Headers = Record<string, string>;

export const acl = { acl: '' };
export const byOther: { readonly sign: { readonly key: typeof other } } = { sign: { key: other } };
export const anonymous = { anonymous: true } as const;
export const canned = (name: string): Headers => ({ 'x-amz-acl': name });
export const code = ({ status, code: shown }: Answer): unknown => shown ?? status;

export async function withBucket(
  ownership: 'BucketOwnerEnforced' | 'BucketOwnerPreferred' | 'ObjectWriter' | 'none',
  headers: Headers = {},
): Promise<Harness> {
  const harness = createHarness({ newBuckets: { ownership, blockPublicAccess: false } });
  expect((await harness.ask('PUT', '/bucket', { headers })).status).toBe(200);
  return harness;
}

/** Permission and grantee of each grant, in their order. */
export function grantsOf({ text }: Answer): readonly string[] {
  return all(text, 'Permission').map((permission, index) => {
    const grant = text.split('<Grant>')[index + 1] ?? '';
    const grantee = one(grant, 'ID') ?? one(grant, 'URI')?.split('/').at(-1) ?? '';
    return `${grantee}: ${permission}`;
  });
}

export const mine = 'id-of-AUTH_one';
export const theirs = 'id-of-AUTH_two';

export function document(grants: readonly string[], ownerId: string = mine): string {
  const list = grants.map((text) => {
    const [kind = '', value = '', permission = ''] = text.split(' ');
    const grantee = `<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x"><${kind}>${value}</${kind}></Grantee>`;
    return `<Grant>${grantee}<Permission>${permission}</Permission></Grant>`;
  });
  return `<AccessControlPolicy><Owner><ID>${ownerId}</ID></Owner><AccessControlList>${list.join('')}</AccessControlList></AccessControlPolicy>`;
}
