/** What an operator chooses about this door, as Swift's filters are configured. */
import type { NameCheck } from './filters/name-check.ts';
import type { RateLimits } from './filters/rate-limit.ts';
import type { RemapSettings } from './remap.ts';
import { defaultSync, type SyncSettings } from './sync/realms.ts';
import { defaultTempUrl, type TempUrlSettings } from './tempurl/settings.ts';

export interface SwiftSettings {
  readonly remap: RemapSettings;
  readonly tempUrl: TempUrlSettings;
  /** Signs the view of /info for administrators, as Swift's `admin_key`; absent: there is none. */
  readonly adminKey?: string | undefined;
  /** How long `X-Open-Expired: true` still shows and restores what has expired; 0: never. */
  readonly expiredKeptSeconds: number;
  /** Absent: every name that Swift allows. */
  readonly nameCheck?: NameCheck | undefined;
  /** Absent: as many requests as come. */
  readonly rateLimits?: RateLimits | undefined;
  /** The lines within `<cross-domain-policy>`; absent: there is no such file. */
  readonly crossDomainPolicy?: string | undefined;
  readonly sync: SyncSettings;
  /** `/endpoints/…` tells anybody on which machines bytes are. */
  readonly listEndpoints: boolean;
  /** Etags of objects are quoted where neither container nor account says anything. */
  readonly quoteEtags: boolean;
}

export const defaultSwiftSettings: SwiftSettings = {
  remap: { storageDomains: [], accountPrefixes: ['AUTH'] },
  tempUrl: defaultTempUrl,
  expiredKeptSeconds: 0,
  sync: defaultSync,
  listEndpoints: false,
  quoteEtags: false,
};
