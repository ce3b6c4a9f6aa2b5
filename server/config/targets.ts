/** Settings of the places outside that are told of what happens in buckets. */
import { z } from 'zod';
import type { StoreSettings } from '../replication/store-client.ts';
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

const redis = z.strictObject({
  name,
  type: z.literal('redis'),
  url: z.url({ protocol: /^rediss?$/ }),
  key: z.string().min(1),
  as: z.enum(['list', 'stream']).default('list'),
  timeoutMillis,
});

const nats = z.strictObject({
  name,
  type: z.literal('nats'),
  servers: z.array(z.string().min(1)).min(1),
  subject: z.string().regex(/^[^\s*>]+$/, 'must be a subject without wildcards'),
  jetStream: z.boolean().default(true),
  user: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  token: z.string().min(1).optional(),
  ca: z.string().min(1).optional(),
  timeoutMillis,
});

export const targetSchema: z.ZodType<TargetSettings> = z.discriminatedUnion('type', [
  webhook,
  redis,
  nats,
]);

const store = z.strictObject({
  name,
  endpoint: z.url({ protocol: /^https?$/ }),
  region: z.string().min(1).default('us-east-1'),
  accessKeyId: z.string().min(1),
  secretAccessKey: z.string().min(1),
  /** False: the bucket stands in the host name. */
  pathStyle: z.boolean().default(true),
  /** PEM of the authority that vouches for the endpoint, where the system's own do not. */
  ca: z.string().min(1).optional(),
  timeoutMillis: timeoutMillis.default(30_000),
});

export const replicationSchema: z.ZodType<StoreSettings> = store;
