/**
 * Condition keys and the facts that they ask for ("AWS global condition context keys"; "Actions,
 * resources, and condition keys for Amazon S3"). Keys compare without case; what follows a slash
 * does not.
 */

/** Known, and absent from every request here: there are no VPCs, organisations, sessions or access points. */
const absent: readonly string[] = [
  'aws:calledvia',
  'aws:calledviafirst',
  'aws:calledvialast',
  'aws:ec2instancesourcevpc',
  'aws:federatedprovider',
  'aws:multifactorauthage',
  'aws:multifactorauthpresent',
  'aws:principalorgid',
  'aws:principalorgpaths',
  'aws:principalisawsservice',
  'aws:resourceorgid',
  'aws:resourceorgpaths',
  'aws:sourceidentity',
  'aws:sourceorgid',
  'aws:sourceorgpaths',
  'aws:sourcevpc',
  'aws:sourcevpce',
  'aws:tagkeys',
  'aws:tokenissuetime',
  'aws:viaawsservice',
  'aws:vpcsourceip',
  's3:accessgrantsinstancearn',
  's3:accesspointnetworkorigin',
  's3:dataaccesspointaccount',
  's3:dataaccesspointarn',
  's3:inventoryaccessibleoptionalfields',
  's3:jobsuspendedcause',
];

const facts: ReadonlyMap<string, string> = new Map([
  ...absent.map((key) => [key, `absent.${key}`] as const),
  ['aws:currenttime', 'time'],
  ['aws:epochtime', 'epoch'],
  ['aws:principalaccount', 's3:principal-account'],
  ['aws:principalarn', 's3:principal-arn'],
  ['aws:principalservicename', 'service-name'],
  ['aws:principaltype', 's3:principal-type'],
  ['aws:referer', 'referer'],
  ['aws:requestedregion', 'region'],
  ['aws:resourceaccount', 's3:resource-account'],
  ['aws:securetransport', 'secure'],
  ['aws:sourceaccount', 'source-account'],
  ['aws:sourcearn', 'source-arn'],
  ['aws:sourceip', 'source-ip'],
  ['aws:useragent', 'user-agent'],
  ['aws:userid', 's3:user-id'],
  ['aws:username', 's3:user-name'],
  ['s3:authtype', 'auth-type'],
  ['s3:delimiter', 'list.delimiter'],
  ['s3:if-match', 'if-match'],
  ['s3:if-none-match', 'if-none-match'],
  ['s3:locationconstraint', 'location'],
  ['s3:max-keys', 'list.limit'],
  ['s3:object-lock-legal-hold', 'header:x-amz-object-lock-legal-hold'],
  ['s3:object-lock-mode', 'header:x-amz-object-lock-mode'],
  ['s3:object-lock-remaining-retention-days', 'lock-days'],
  ['s3:object-lock-retain-until-date', 'header:x-amz-object-lock-retain-until-date'],
  ['s3:objectcreationoperation', 'creates-object'],
  ['s3:prefix', 'list.prefix'],
  ['s3:requestobjecttagkeys', 'request-tag-keys'],
  ['s3:resourceaccount', 's3:resource-account'],
  ['s3:signatureage', 'signature-age'],
  ['s3:signatureversion', 'signature-version'],
  ['s3:tlsversion', 'tls-version'],
  ['s3:versionid', 'version-id'],
  ['s3:x-amz-copy-source', 'copy-source'],
]);

/** Keys that name something after a slash. */
const families: readonly (readonly [prefix: string, fact: string])[] = [
  ['s3:existingobjecttag/', 'object-tag:'],
  ['s3:requestobjecttag/', 'request-tag:'],
  ['aws:principaltag/', 'absent.principal-tag:'],
  ['aws:requesttag/', 'absent.request-tag:'],
  ['aws:resourcetag/', 'absent.resource-tag:'],
  ['s3:buckettag/', 'absent.bucket-tag:'],
];

/** undefined: no such key. */
export function factOfKey(key: string): string | undefined {
  const name = key.toLowerCase();
  const fact = facts.get(name);
  if (fact !== undefined) return fact;
  if (/^s3:x-amz-[a-z0-9-]+$/.test(name)) return `header:${name.slice(3)}`;
  const family = families.find(([prefix]) => name.startsWith(prefix));
  if (family === undefined || name.length === family[0].length) return undefined;
  // The name of a tag keeps its case.
  return family[1] + key.slice(family[0].length);
}
