/** What clients and containers ask for; what stands in rows is model.ts's. */
import type { ContainerRow } from '../model.ts';

/** How a new object shall be encrypted. */
export type EncryptionWish =
  | { readonly by: 'key-ring' }
  /** 32 bytes, borrowed for the call. */
  | { readonly by: 'customer'; readonly customerKey: Uint8Array }
  | ({ readonly by: 'key-service' } & ServiceWish)
  /** As the container says, but for the use of a bucket key. */
  | { readonly by: 'container'; readonly bucketKey: boolean };

export interface ServiceWish {
  /** Id, alias or ARN; undefined: the service's default key. */
  readonly key?: string | undefined;
  readonly context?: Readonly<Record<string, string>> | undefined;
  /** One key of the service for many objects of the container: it is asked less often. */
  readonly bucketKey?: boolean | undefined;
}

/** The setting of a container that holds its `ContainerEncryption` as JSON. */
export const encryptionSetting = 'encryption';

export interface ContainerEncryption {
  /** Of new objects whose writer asks for nothing; null: plain, unless everything is encrypted. */
  readonly usual:
    | { readonly by: 'key-ring' }
    | {
        readonly by: 'key-service';
        readonly key?: string | undefined;
        readonly bucketKey?: boolean | undefined;
      }
    | null;
  /** New objects under customers' keys are refused. */
  readonly refusesCustomerKeys?: boolean | undefined;
}

export function containerEncryption(
  row: Pick<ContainerRow, 'settings'>,
): ContainerEncryption | undefined {
  const text = row.settings[encryptionSetting];
  return text === undefined ? undefined : (JSON.parse(text) as ContainerEncryption);
}
