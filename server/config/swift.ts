/** The part of the settings that speaks of the Swift door. */
import { z } from 'zod';
import { defaultSwiftSettings, type SwiftSettings } from '../swift/settings.ts';
import { digests } from '../swift/tempurl/settings.ts';

const names = z.array(z.string().min(1).toLowerCase()).max(64);
const { remap, tempUrl } = defaultSwiftSettings;

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
});
