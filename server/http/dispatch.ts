/** Which door a request is for. Both doors share one port, so the rules are few and in one place. */

export type DoorName = 's3' | 'swift' | 'admin';

export interface RequestHead {
  readonly path: string;
  readonly query: string;
  readonly authorization: string | undefined;
  readonly host: string | undefined;
  /** A token of Swift's comes with it (X-Auth-Token or X-Storage-Token). */
  readonly hasToken?: boolean;
}

export interface DoorRules {
  /** Lower-case domains whose sub-domains are bucket names. */
  readonly hostSuffixes: readonly string[];
  /** The same, of accounts of the Swift door. */
  readonly storageDomains?: readonly string[] | undefined;
  /** `/endpoints/…` is answered beside the metrics. */
  readonly listsEndpoints?: boolean | undefined;
  /** Paths that the Swift door answers only where the settings say so. */
  readonly swiftPaths?: readonly string[] | undefined;
}

/**
 * An S3 signature decides first, then a virtual-host name, then the path, then a token of Swift's:
 * its client went astray and gets Swift's answer. What is left is an anonymous S3 request. So an anonymous client cannot reach buckets named `info`, `auth`,
 * `healthcheck`, `metrics`, `recon` or `torc` by path; a signed one, or one by virtual host, can.
 */
export function chooseDoor(head: RequestHead, rules: DoorRules): DoorName {
  const { hostSuffixes, storageDomains = [], swiftPaths = [], listsEndpoints = false } = rules;
  if (head.authorization?.startsWith('AWS') === true) return 's3';
  if (head.query !== '' && hasSignatureParameter(head.query)) return 's3';
  if (storageDomains.length > 0 && isVirtualHost(head.host, storageDomains)) return 'swift';
  if (hostSuffixes.length > 0 && isVirtualHost(head.host, hostSuffixes)) return 's3';
  if (isSwiftPath(head.path) || swiftPaths.includes(head.path)) return 'swift';
  if (isAdminPath(head.path)) return 'admin';
  if (listsEndpoints && head.path.startsWith('/endpoints/')) return 'admin';
  return head.hasToken === true ? 'swift' : 's3';
}

function isSwiftPath(path: string): boolean {
  return (
    path.startsWith('/v1/') ||
    path === '/v1' ||
    path === '/v1.0' ||
    path.startsWith('/v1.0/') ||
    path.startsWith('/auth/') ||
    path === '/info' ||
    path === '/healthcheck' ||
    path.startsWith('//')
  );
}

function isAdminPath(path: string): boolean {
  return path === '/metrics' || path.startsWith('/torc/') || path.startsWith('/recon/');
}

/** By parsed names: an object key inside another parameter's value must not choose the door. */
function hasSignatureParameter(query: string): boolean {
  return query.split('&').some((pair) => {
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    const decoded = name.includes('%') ? decodeName(name) : name;
    return decoded === 'X-Amz-Algorithm' || decoded === 'AWSAccessKeyId';
  });
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    // Not UTF-8, so not one of the two names.
    return '';
  }
}

function isVirtualHost(host: string | undefined, suffixes: readonly string[]): boolean {
  if (host === undefined) return false;
  const name = host.replace(/:\d*$/, '').toLowerCase();
  return suffixes.some((suffix) => name.endsWith(`.${suffix}`));
}
