/** What an operator chooses about this door, as Swift's filters are configured. */
import { defaultTempUrl, type TempUrlSettings } from './tempurl/settings.ts';

export interface SwiftSettings {
  readonly tempUrl: TempUrlSettings;
}

export const defaultSwiftSettings: SwiftSettings = { tempUrl: defaultTempUrl };
