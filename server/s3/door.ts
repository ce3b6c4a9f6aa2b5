/**
 * The S3 door: one request in, one reply out. Authentication, the route table, core, and errors in
 * Amazon's words; everything about connections is server/http's.
 */
import { toHex } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { type StoreError, toStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Core, Principal } from '../core/api.ts';
import type { ContainerRow } from '../core/model.ts';
import type { IdentityService } from '../core/identity.ts';
import type { UserDirectory } from '../core/users.ts';
import type { Door, HeaderPairs, HttpReply, HttpRequest } from '../http/exchange.ts';
import { admit, runDiscreetly } from './access/admit.ts';
import { factsOf } from './access/facts.ts';
import { type NewBuckets, amazonsNewBuckets } from './acl/new-buckets.ts';
import {
  type Address,
  addressOf,
  checkKeyLength,
  controlAddress,
  hostedBucket,
} from './address.ts';
import { authenticate } from './auth/authenticate.ts';
import { type Identity, anonymous } from './auth/identity.ts';
import { learningKeys } from './auth/find-key.ts';
import { meantHeaders } from './auth/hoisted.ts';
import { SigningKeys } from './auth/signing-keys.ts';
import type { Call, DoorParts, KeysOverHttp, Route, S3Reply } from './call.ts';
import { chargeRequester } from './bucket/request-payment.ts';
import { notImplemented } from './codes.ts';
import { answerPreflight, corsHeaders } from './cors/respond.ts';
import { errorReply, failureOf } from './error-table.ts';
import { checkExpectedOwner } from './expected-owner.ts';
import type { AccessLog } from './logging/access-log.ts';
import { hasAccessLog } from './logging/configuration.ts';
import { logReply } from './logging/observe.ts';
import type { NotificationTargets } from './notification/targets.ts';
import { Query } from './query.ts';
import type { ReplicationTargets } from './replication/targets.ts';
import { refuseUnbuiltHeaders } from './refused.ts';
import { RequestHeaders } from './request-headers.ts';
import { pickRoute } from './router.ts';
import { serveWebsite, visitorHeaders } from './website/serve.ts';

export interface S3DoorOptions {
  readonly core: Core;
  readonly users: UserDirectory;
  readonly identity?: IdentityService | undefined;
  readonly region: string;
  /** Other names of it in requests; none by default. */
  readonly regionAliases?: readonly string[];
  /** As `DoorParts` has it; default false. */
  readonly honoursAbsentTags?: boolean;
  /** The same. */
  readonly countsInAttributes?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Host names, lower case, under which `bucket.suffix` names a bucket; none: path style alone. */
  readonly virtualHostSuffixes?: readonly string[];
  readonly targets?: NotificationTargets | undefined;
  readonly replication?: ReplicationTargets | undefined;
  /** Default `loopback`. */
  readonly customerKeysOverHttp?: KeysOverHttp;
  /** Host names, lower case, under which `bucket.suffix` is a bucket's website. */
  readonly websiteSuffixes?: readonly string[];
  /** Default 24 hours; tests may shorten it. */
  readonly reportDayMillis?: number;
  /** Without it buckets cannot have one. */
  readonly accessLog?: AccessLog | undefined;
  /** Absent: as Amazon makes new buckets. */
  readonly newBuckets?: NewBuckets;
}

const DAY_MILLIS = 24 * 3_600_000;

export function createS3Door(options: S3DoorOptions): Door {
  return new S3Door(options);
}

/** What is known of a request so far, for the reply to an error. */
interface Seen {
  route: Route | undefined;
  address: Address | undefined;
  principal: Principal | undefined;
  row: ContainerRow | undefined;
  errorCode: string | undefined;
  isWebsite: boolean;
  neededAcl: boolean;
}

const nothingSeen: Seen = {
  route: undefined,
  address: undefined,
  principal: undefined,
  row: undefined,
  errorCode: undefined,
  isWebsite: false,
  neededAcl: false,
};

class S3Door implements Door {
  readonly #parts: DoorParts;
  readonly #hostId: string;
  readonly #idPrefix: string;
  readonly #websiteSuffixes: readonly string[];
  readonly #accessLog: AccessLog | undefined;
  #requests = 0;

  constructor(options: S3DoorOptions) {
    const { core, users, identity, region, clock, random, logger } = options;
    const { virtualHostSuffixes = [], customerKeysOverHttp = 'loopback' } = options;
    const { targets, replication, newBuckets = amazonsNewBuckets } = options;
    this.#websiteSuffixes = options.websiteSuffixes ?? [];
    this.#accessLog = options.accessLog;
    const keys = new SigningKeys();
    const shared = { core, users, identity, region, clock, random, logger, keys };
    const { reportDayMillis = DAY_MILLIS } = options;
    const { regionAliases = [], honoursAbsentTags = false } = options;
    const { countsInAttributes = false } = options;
    const lent = { targets, replication, newBuckets, reportDayMillis };
    const ways = { regionAliases, honoursAbsentTags, countsInAttributes };
    this.#parts = { ...shared, virtualHostSuffixes, customerKeysOverHttp, ...lent, ...ways };
    this.#hostId = Buffer.from(random.bytes(24)).toString('base64');
    this.#idPrefix = toHex(random.bytes(4)).toUpperCase();
  }

  async handle(request: HttpRequest): Promise<HttpReply> {
    const requestId = this.#nextId();
    const { clock } = this.#parts;
    const [startedAt, began] = [clock.now(), clock.monotonic()];
    const seen: Seen = { ...nothingSeen };
    let reply: S3Reply;
    try {
      reply = await this.#answer(request, requestId, seen);
    } catch (thrown) {
      const error = toStoreError(thrown, 's3');
      this.#logFailure(error, requestId, seen.route);
      seen.errorCode = failureOf(error).code;
      const isHead = request.method === 'HEAD';
      const resource = request.path;
      const { address } = seen;
      const payloadHash = request.header('x-amz-content-sha256');
      const place = { requestId, hostId: this.#hostId, resource, isHead, address, payloadHash };
      reply = withRegion(errorReply(error, place), seen.route, this.#parts.region);
    }
    const isLogged = seen.row === undefined ? reply.status >= 400 : hasAccessLog(seen.row);
    const answer = { reply, startedAt, began };
    const done = isLogged ? await this.#logged(request, requestId, seen, answer) : undefined;
    return {
      ...reply,
      done,
      operation: seen.route?.name,
      headers: [
        ['x-amz-request-id', requestId],
        ['x-amz-id-2', this.#hostId],
        ['Server', 'Torc'],
        ...reply.headers,
        ...(await this.#forPages(request, seen)),
      ],
    };
  }

  async #answer(request: HttpRequest, requestId: string, seen: Seen): Promise<S3Reply> {
    const sent = new RequestHeaders(request.rawHeaders);
    const host = sent.get('host');
    const site = hostedBucket(host, this.#websiteSuffixes);
    if (site !== undefined) return this.#visit(request, requestId, seen, site);
    const control = controlAddress(request.path, sent.get('x-amz-account-id'));
    const address = control ?? addressOf(request.path, host, this.#parts.virtualHostSuffixes);
    seen.address = address;
    if (request.method === 'OPTIONS') {
      return answerPreflight(this.#parts.core, address.bucket, sent);
    }
    const query = new Query(request.query);
    const headers = meantHeaders(request.rawHeaders, sent, query);
    const identify = (): Promise<Identity> =>
      learningKeys(this.#parts, () => authenticate(request, sent, query, this.#parts));
    let route: Route;
    try {
      route = pickRoute(request.method, address.shape, query, headers);
    } catch (error) {
      // What is wrong with the signature is said first.
      await identify();
      throw error;
    }
    seen.route = route;
    if (route.run === undefined) {
      throw notImplemented(route.name, `The operation ${route.name} is not implemented.`);
    }
    const identity = await identify();
    seen.principal = identity.principal;
    refuseUnbuiltHeaders(headers, route.name);
    checkKeyLength(address.key);
    const call = this.#call({ request, headers, query, identity, requestId, address });
    const admitted = { ...call, context: await admit(call, route) };
    seen.row = admitted.context.permit?.found?.row;
    seen.neededAcl = admitted.context.permit?.leave === 'acl';
    await checkExpectedOwner(admitted);
    const charged = chargeRequester(admitted);
    const reply = await runDiscreetly(admitted, route.run);
    return charged.length === 0 ? reply : { ...reply, headers: [...reply.headers, ...charged] };
  }

  #call(
    asked: Pick<Call, 'request' | 'headers' | 'query' | 'identity'> & {
      readonly requestId: string;
      readonly address: Pick<Address, 'bucket' | 'key'>;
    },
  ): Call {
    const { request, headers, query, identity, requestId, address } = asked;
    const { principal } = identity;
    const facts = factsOf({ door: this.#parts, request, headers, query, principal });
    return {
      door: this.#parts,
      request,
      headers,
      query,
      identity,
      context: {
        principal,
        signal: request.signal,
        request: { id: requestId, sourceAddress: request.remoteAddress },
        facts,
      },
      bucket: address.bucket,
      key: address.key,
    };
  }

  /** A request to the website of a bucket: whoever signs it, it is a visitor's. */
  #visit(request: HttpRequest, requestId: string, seen: Seen, bucket: string): Promise<HttpReply> {
    const headers = new RequestHeaders(visitorHeaders(request.rawHeaders));
    const query = new Query('');
    const identity = { principal: anonymous, payloadHash: undefined, seed: undefined };
    seen.address = { shape: 'bucket', bucket, key: '' };
    seen.isWebsite = true;
    return serveWebsite({
      ...{ request, bucket, requestId, hostId: this.#hostId },
      host: headers.get('host') ?? '',
      bucketRow: async () => {
        seen.row = await this.#parts.core.peekContainer(anonymous, bucket);
        return seen.row;
      },
      read: async (key) => {
        checkKeyLength(key);
        const route = pickRoute(request.method, 'object', query, headers);
        if (route.run === undefined) throw notImplemented(route.name);
        seen.route = route;
        const address = { shape: 'object', bucket, key } as const;
        seen.address = address;
        const call = this.#call({ request, headers, query, identity, requestId, address });
        const admitted = { ...call, context: await admit(call, route) };
        chargeRequester(admitted);
        return runDiscreetly(admitted, route.run);
      },
    });
  }

  /** A request that was refused may not have come as far as its bucket. */
  async #logged(
    request: HttpRequest,
    requestId: string,
    seen: Seen,
    answer: { readonly reply: S3Reply; readonly startedAt: number; readonly began: number },
  ): Promise<HttpReply['done']> {
    const { core, clock } = this.#parts;
    const { address, route, principal, isWebsite, neededAcl, errorCode } = seen;
    if (this.#accessLog === undefined || address === undefined || address.bucket === '') {
      return undefined;
    }
    const { reply, startedAt } = answer;
    const peek = (): Promise<ContainerRow | undefined> =>
      core.peekContainer(principal ?? anonymous, address.bucket).catch(() => undefined);
    const row = seen.row ?? (await peek());
    if (row === undefined) return undefined;
    const turnAroundMillis = clock.monotonic() - answer.began;
    const about = { address, route, principal, isWebsite, neededAcl, errorCode };
    const ids = { requestId, hostId: this.#hostId };
    const observed = { ...about, ...ids, request, row, reply, startedAt, turnAroundMillis };
    return logReply(this.#accessLog, this.#parts, observed);
  }

  /** What CORS adds to the reply, good or bad; nothing unless a page of some origin asks. */
  async #forPages(request: HttpRequest, seen: Seen): Promise<HeaderPairs> {
    if (request.method === 'OPTIONS' || request.header('origin') === undefined) return [];
    const { core, logger } = this.#parts;
    try {
      const headers = new RequestHeaders(request.rawHeaders);
      const { method } = request;
      const bucket = seen.address?.bucket ?? '';
      return await corsHeaders(core, seen.principal ?? anonymous, bucket, { method, headers });
    } catch (thrown) {
      // The operation is done: a browser that may not read its reply is better than another reply.
      const { kind, message } = toStoreError(thrown, 's3');
      logger.warn({ event: 's3.cors-unread', kind, message }, 'The CORS rules could not be read.');
      return [];
    }
  }

  /** 16 hex digits: a random start for this process, then a count. */
  #nextId(): string {
    this.#requests = (this.#requests + 1) % 0x1_0000_0000;
    return this.#idPrefix + this.#requests.toString(16).toUpperCase().padStart(8, '0');
  }

  /** What clients did wrong is in their replies; what is wrong here belongs into the log. */
  #logFailure(error: StoreError, requestId: string, route: Route | undefined): void {
    if (error.kind !== 'internal' && error.kind !== 'corrupt') return;
    const { kind, op, message, cause } = error;
    this.#parts.logger.error(
      { event: 's3.failed', requestId, operation: route?.name, kind, op, message, cause },
      'An S3 request failed for a reason of our own.',
    );
  }
}

/** Clients find a bucket's region by HEAD, signed or not. */
function withRegion(reply: HttpReply, route: Route | undefined, region: string): HttpReply {
  if (route?.name !== 'HeadBucket') return reply;
  return { ...reply, headers: [...reply.headers, ['x-amz-bucket-region', region]] };
}
