/** A container's quotas are metadata of its own that core obeys: they must be numbers. */
import type { Headers } from '../headers.ts';
import { refuse } from '../reply.ts';

/** Throws Refusal 400. An empty value removes. */
export function checkQuotaHeaders(headers: Headers): void {
  for (const what of ['bytes', 'count']) {
    const value = headers.get(`x-container-meta-quota-${what}`) ?? '';
    if (!/^\d*$/.test(value)) throw refuse(400, `Invalid ${what} quota.`);
  }
}
