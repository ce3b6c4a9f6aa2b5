/** The part of the settings that speaks of the Swift door. */
import { z } from 'zod';
import type { NameCheck } from '../swift/filters/name-check.ts';
import type { RateLimits } from '../swift/filters/rate-limit.ts';
import { defaultSwiftSettings, type SwiftSettings } from '../swift/settings.ts';
import { digests } from '../swift/tempurl/settings.ts';

const names = z.array(z.string().min(1).toLowerCase()).max(64);
const { remap, tempUrl } = defaultSwiftSettings;

/** At least so many objects: so many requests a second. */
const rates = z
  .array(z.strictObject({ size: z.number().int().min(0), rate: z.number().positive() }))
  .max(64)
  .default([]);
const accounts = z.array(z.string().min(1)).max(1024).default([]);

const rateLimits: z.ZodType<RateLimits> = z.strictObject({
  account: z.number().min(0).default(0),
  container: rates,
  listing: rates,
  writes: z.record(z.string().min(1), z.number().positive()).default({}),
  allowlist: accounts,
  blocklist: accounts,
  maxSleepSeconds: z.number().positive().max(600).default(60),
  bufferSeconds: z.number().min(0).max(3600).default(5),
});

function isRegexp(text: string): boolean {
  try {
    new RegExp(text, 'u');
    return true;
  } catch {
    return false;
  }
}

const nameCheck: z.ZodType<NameCheck> = z.strictObject({
  forbiddenChars: z.string().default('\'"`<>'),
  maximumLength: z.number().int().min(1).default(255),
  forbiddenRegexp: z.string().refine(isRegexp).default(String.raw`/\./|/\.\./|/\.$|/\.\.$`),
});

const upper = z.string().min(1).max(255).toUpperCase();

const sync = z.strictObject({
  realms: z
    .array(
      z.strictObject({
        name: upper,
        key: z.string().min(1),
        key2: z.string().min(1).optional(),
        clusters: z
          .array(z.strictObject({ name: upper, endpoint: z.url({ protocol: /^https?$/ }) }))
          .max(64)
          .default([]),
      }),
    )
    .max(64)
    .default([]),
  allowedHosts: names.default([]),
  current: z.strictObject({ realm: upper, cluster: upper }).optional(),
  ca: z.string().optional(),
});

/** Absent parts have Swift's own defaults. */
export const swiftSchema: z.ZodType<SwiftSettings> = z.strictObject({
  /** Hosts below these domains name an account, or a container and its account. */
  remap: z
    .strictObject({
      storageDomains: z.array(z.string().min(1).toLowerCase()).max(64).default([]),
      accountPrefixes: z
        .array(z.string().min(1))
        .min(1)
        .max(8)
        .default([...remap.accountPrefixes]),
    })
    .prefault({}),
  tempUrl: z
    .strictObject({
      digests: z
        .array(z.enum(digests))
        .min(1)
        .default([...tempUrl.digests]),
      methods: z
        .array(z.enum(['GET', 'HEAD', 'PUT', 'POST', 'DELETE']))
        .default(['GET', 'HEAD', 'PUT', 'POST', 'DELETE']),
      incomingRemove: names.default([...tempUrl.incomingRemove]),
      incomingAllow: names.default([...tempUrl.incomingAllow]),
      outgoingRemove: names.default([...tempUrl.outgoingRemove]),
      outgoingAllow: names.default([...tempUrl.outgoingAllow]),
    })
    .prefault({}),
  adminKey: z.string().min(1).optional(),
  /** Ten years at most. */
  expiredKeptSeconds: z.number().int().min(0).max(315_360_000).default(0),
  /** Names that are refused; `{}`: those that Swift's `name_check` refuses. */
  nameCheck: nameCheck.optional(),
  rateLimits: rateLimits.optional(),
  crossDomainPolicy: z.string().max(65_536).optional(),
  /** Clusters that containers may be kept in step with. */
  sync: sync.prefault({}),
  quoteEtags: z.boolean().default(false),
  listEndpoints: z.boolean().default(false),
});
