/** Settings of the places outside that are told of what happens in buckets. */
import { z } from 'zod';
import type { TargetSettings } from '../feeds/targets/target.ts';

/** Stands last in ARNs, so without colons. */
const name = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ -');
const timeoutMillis = z.number().int().min(100).max(60_000).default(10_000);

const webhook = z.strictObject({
  name,
  type: z.literal('webhook'),
  url: z.url({ protocol: /^https?$/ }),
  /** Sent as the Authorization header, as it is. */
  authorization: z.string().min(1).optional(),
  timeoutMillis,
});

export const targetSchema: z.ZodType<TargetSettings> = z.discriminatedUnion('type', [webhook]);
