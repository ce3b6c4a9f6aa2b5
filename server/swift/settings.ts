/** What an operator chooses about this door, as Swift's filters are configured. */
import type { RemapSettings } from './remap.ts';
import { defaultTempUrl, type TempUrlSettings } from './tempurl/settings.ts';

export interface SwiftSettings {
  readonly remap: RemapSettings;
  readonly tempUrl: TempUrlSettings;
  /** Signs the view of /info for administrators, as Swift's `admin_key`; absent: there is none. */
  readonly adminKey?: string | undefined;
  /** How long `X-Open-Expired: true` still shows and restores what has expired; 0: never. */
  readonly expiredKeptSeconds: number;
}

export const defaultSwiftSettings: SwiftSettings = {
  remap: { storageDomains: [], accountPrefixes: ['AUTH'] },
  tempUrl: defaultTempUrl,
  expiredKeptSeconds: 0,
};
