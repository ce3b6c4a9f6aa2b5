/**
 * With whom containers may be kept in step (swift/common/container_sync_realms.py): realms share a
 * key between operators, and name the clusters in them; whole URLs are for hosts that an operator lists.
 */
import { createHmac } from 'node:crypto';

export interface SyncRealm {
  /** Upper case, as Swift compares them. */
  readonly name: string;
  readonly key: string;
  /** Good beside `key`, so that keys can be changed cluster by cluster. */
  readonly key2?: string | undefined;
  readonly clusters: readonly {
    readonly name: string;
    /** Up to the version: `https://host/v1`. */
    readonly endpoint: string;
  }[];
}

export interface SyncSettings {
  readonly realms: readonly SyncRealm[];
  /** Lower-case names of hosts that `X-Container-Sync-To` may name by a whole URL. */
  readonly allowedHosts: readonly string[];
  /** Which cluster this one is; shown by /info. */
  readonly current?: { readonly realm: string; readonly cluster: string } | undefined;
  /** PEM of the authority that vouches for other clusters, where the system's own do not. */
  readonly ca?: string | undefined;
}

export const defaultSync: SyncSettings = { realms: [], allowedHosts: [] };

/** Where a container is synced to. */
export interface SyncPlace {
  /** Of the container, without a slash at its end. */
  readonly url: string;
  /** Feeds of one cluster, or host, are told by one worker. */
  readonly target: string;
  /** Undefined: the container's key goes along, as it is. */
  readonly realm: SyncRealm | undefined;
}

/** What a value of `X-Container-Sync-To` means; a text says what is wrong with it, in Swift's words. */
export function placeOf(settings: SyncSettings, value: string): SyncPlace | string {
  const trimmed = value.replace(/\/+$/, '');
  return trimmed.startsWith('//')
    ? realmPlace(settings, trimmed, value)
    : urlPlace(settings, trimmed);
}

function realmPlace({ realms }: SyncSettings, trimmed: string, value: string): SyncPlace | string {
  const pieces = trimmed.slice(2).split('/');
  const [realmName = '', clusterName = '', account = '', container = ''] = pieces;
  if (pieces.length !== 4) return `Invalid X-Container-Sync-To format '${value}'`;
  const realm = realms.find((one) => one.name === realmName.toUpperCase());
  if (realm === undefined) return `No realm key for '${realmName}'`;
  const cluster = realm.clusters.find((one) => one.name === clusterName.toUpperCase());
  if (cluster === undefined) {
    return `No cluster endpoint for '${realmName}' '${clusterName}'`;
  }
  const endpoint = cluster.endpoint.replace(/\/+$/, '');
  const target = `sync:${realm.name}/${cluster.name}`;
  return { url: `${endpoint}/${account}/${container}`, target, realm };
}

function urlPlace({ allowedHosts }: SyncSettings, trimmed: string): SyncPlace | string {
  const url = URL.parse(trimmed);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    return 'Invalid scheme in X-Container-Sync-To, must be "//", "http", or "https".';
  }
  if (url.pathname === '/') return 'Path required in X-Container-Sync-To';
  if (url.search !== '' || url.hash !== '') {
    return 'Params, queries, and fragments not allowed in X-Container-Sync-To';
  }
  if (!allowedHosts.includes(url.hostname) || url.username !== '') {
    return `Invalid host '${url.hostname}' in X-Container-Sync-To`;
  }
  return { url: trimmed, target: `sync:${url.hostname}`, realm: undefined };
}

/** Every target that a place can have. */
export function targetsOf({ realms, allowedHosts }: SyncSettings): readonly string[] {
  return [
    ...realms.flatMap(({ name, clusters }) =>
      clusters.map((cluster) => `sync:${name}/${cluster.name}`),
    ),
    ...allowedHosts.map((host) => `sync:${host}`),
  ];
}

export interface Signed {
  readonly method: string;
  /** As on the wire. */
  readonly path: string;
  /** As on the wire; Swift signs `0` where there is none. */
  readonly timestamp: string;
  readonly nonce: string;
  readonly containerKey: string;
}

/** Hex HMAC-SHA1, as Swift's clusters sign. */
export function signatureOf(realmKey: string, signed: Signed): string {
  const { method, path, timestamp, nonce, containerKey } = signed;
  return createHmac('sha1', realmKey)
    .update(`${method}\n${path}\n${timestamp}\n${nonce}\n${containerKey}`)
    .digest('hex');
}
