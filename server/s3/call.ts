/** What an operation is given, what it is, and the route that leads to it. */
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { invariant } from '../../base/invariant.ts';
import type { ContainerRow } from '../core/model.ts';
import type { Random } from '../../base/random.ts';
import type { Core } from '../core/api.ts';
import type { RequestContext } from '../core/request.ts';
import type { IdentityService } from '../core/identity.ts';
import type { UserDirectory } from '../core/users.ts';
import type { HttpReply, HttpRequest } from '../http/exchange.ts';
import type { S3Action } from './access/actions.ts';
import type { NewBuckets } from './acl/new-buckets.ts';
import type { Shape } from './address.ts';
import type { Identity } from './auth/identity.ts';
import type { SigningKeys } from './auth/signing-keys.ts';
import type { NotificationTargets } from './notification/targets.ts';
import type { Query } from './query.ts';
import type { ReplicationTargets } from './replication/targets.ts';
import type { RequestHeaders } from './request-headers.ts';

/** What the door is made of; the same for every request. */
export interface DoorParts {
  readonly core: Core;
  readonly users: UserDirectory;
  /** Whose access keys are good beside theirs. */
  readonly identity?: IdentityService | undefined;
  readonly region: string;
  readonly regionAliases: readonly string[];
  /** Whether If-None-Match of a write may name entity tags; else they are refused, as at Amazon. */
  readonly honoursAbsentTags: boolean;
  /** Whether GetObjectAttributes shows composite checksums with their count of parts; else without, as Amazon. */
  readonly countsInAttributes: boolean;
  readonly keys: SigningKeys;
  /** As `S3DoorOptions` has them; none: path style alone. */
  readonly virtualHostSuffixes: readonly string[];
  readonly newBuckets: NewBuckets;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where notifications may go; none: nowhere. */
  readonly targets?: NotificationTargets | undefined;
  /** From one daily report to the next. */
  readonly reportDayMillis: number;
  /** Where buckets may be replicated to; none: nowhere. */
  readonly replication?: ReplicationTargets | undefined;
  /** Where customers' keys may come without TLS. */
  readonly customerKeysOverHttp: KeysOverHttp;
}

/** `loopback`: over connections that stay on this machine. */
export type KeysOverHttp = 'loopback' | 'always' | 'never';

/** One authenticated request. */
export interface Call {
  readonly door: DoorParts;
  readonly request: HttpRequest;
  readonly headers: RequestHeaders;
  readonly query: Query;
  readonly identity: Identity;
  readonly context: RequestContext;
  /** '' for the service itself. */
  readonly bucket: string;
  /** '' for a bucket. */
  readonly key: string;
}

/** What one key of DeleteObjects came to: a request of its own to the access log. */
export interface KeyDeletion {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly status: number;
  readonly errorCode: string | undefined;
}

export interface S3Reply extends HttpReply {
  /** Of DeleteObjects. */
  readonly deletions?: readonly KeyDeletion[];
}

/** Parses the call, asks core once, renders the result. Throws StoreError. */
export type Operation = (call: Call) => Promise<S3Reply>;

/** One row of the table of routes. */
export interface Route {
  readonly method: string;
  readonly shape: Shape;
  /** Query parameter that must be there. */
  readonly marker?: string;
  /** Header that must be there. */
  readonly header?: string;
  /** Amazon's name of the operation. */
  readonly name: string;
  /** The permission that it needs, as policies name it. */
  readonly action: S3Action;
  readonly run?: Operation;
  /** It can only say that nothing is configured: setting it is not built. */
  readonly isUnset?: true;
  /** Amazon's names of further operations that come this way: deprecated ones, and single ones of a list. */
  readonly also?: readonly string[];
}

/** A row as it is written: see `built` in `routes.ts`. */
export type Built = readonly [
  place: string,
  name: string,
  action: S3Action,
  run: Operation,
  header?: string,
];

/** The bucket's row as it was when the request was let in: for operations on a bucket or an object. */
export function bucketRowOf(call: Call): ContainerRow {
  const found = call.context.permit?.found;
  invariant(found !== undefined, 'a request that was let in has its bucket');
  return found.row;
}

/** The bucket as core addresses it. S3 names no account. */
export function bucketOf(call: Call): { readonly account: undefined; readonly container: string } {
  return { account: undefined, container: call.bucket };
}

export function objectOf(call: Call): {
  readonly account: undefined;
  readonly container: string;
  readonly key: string;
} {
  return { account: undefined, container: call.bucket, key: call.key };
}
