import { z } from 'zod';
import type { KeystoneSettings } from '../keystone/settings.ts';

const role = z.string().min(1).toLowerCase();

const accountSchema = z.strictObject({
  prefix: z.string().min(1),
  operatorRoles: z.array(role).default(['admin', 'swiftoperator']),
  serviceRoles: z.array(role).default([]),
  readerRoles: z.array(role).default([]),
});

const shape = z.strictObject({
  /** `http://keystone:5000`; with or without `/v3`. */
  url: z.url({ protocol: /^https?$/ }),
  user: z.strictObject({
    name: z.string().min(1),
    password: z.string().min(1),
    domainId: z.string().min(1).default('default'),
    projectName: z.string().min(1).default('service'),
    projectDomainId: z.string().min(1).default('default'),
  }),
  /** Accounts of a project: a prefix and the project's id. The first is the one of S3 and of new buckets. */
  accounts: z
    .array(accountSchema)
    .min(1)
    .max(8)
    .prefault([{ prefix: 'AUTH_' }]),
  resellerRole: role.default('reselleradmin'),
  systemReaderRoles: z.array(role).default([]),
  defaultDomainId: z.string().min(1).default('default'),
  /** Whether ACLs may name projects and users of the default domain by their names. */
  namesInAcls: z.boolean().default(true),
  /** A token or key that was revoked may be believed this long. */
  cacheSeconds: z.number().int().min(0).max(300).default(300),
  timeoutSeconds: z.number().int().min(1).max(60).default(10),
});

/** The `keystone` section of the configuration. */
export const keystoneSchema: z.ZodType<KeystoneSettings> = shape.transform(
  ({ url, cacheSeconds, timeoutSeconds, ...rest }) => ({
    ...rest,
    url: url.replace(/\/+$/, '').replace(/\/v3$/, ''),
    cacheMillis: cacheSeconds * 1000,
    timeoutMillis: timeoutSeconds * 1000,
  }),
);
