/** Who delivers access logs, in the words of bucket policies ("Enabling Amazon S3 server access logging"). */
import { serviceName } from '../../core/access/principal.ts';
import type { Core } from '../../core/api.ts';
import type { RequestContext } from '../../core/request.ts';
import { accountTextOf } from '../../core/users.ts';

const SERVICE = 'logging.s3.amazonaws.com';

/** Whether the target's policy lets the service put log objects of this bucket under this prefix. */
export function mayDeliver(
  core: Core,
  source: { readonly account: string; readonly bucket: string; readonly ownerId: string },
  target: { readonly targetBucket: string; readonly targetPrefix: string },
): Promise<boolean> {
  const known: Readonly<Record<string, readonly string[]>> = {
    'service-name': [SERVICE],
    'source-arn': [`arn:aws:s3:::${source.bucket}`],
    'source-account': [source.ownerId, accountTextOf(source.account)],
  };
  const context: RequestContext = {
    principal: {
      ...{ type: 'service', account: '', user: '', role: 'member' },
      names: [serviceName(SERVICE)],
    },
    facts: (name) => (Object.hasOwn(known, name) ? known[name] : undefined),
  };
  const { targetBucket: container, targetPrefix } = target;
  // Policies allow what begins with the prefix, or name it alone; without one any name is as good.
  const key = targetPrefix === '' ? 'log' : targetPrefix;
  const address = { account: undefined, container, key };
  return core.isAllowed(context, { address, actions: ['object.write'] });
}
