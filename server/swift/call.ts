/** What an operation gets: the request, read as far as every operation needs it. */
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Core, Principal } from '../core/api.ts';
import type { RequestContext } from '../core/request.ts';
import type { IdentityService } from '../core/identity.ts';
import type { UserDirectory } from '../core/users.ts';
import type { HttpReply, HttpRequest } from '../http/exchange.ts';
import type { RateLimiter } from './filters/rate-limit.ts';
import type { Headers } from './headers.ts';
import type { Query } from './query.ts';
import type { SwiftSettings } from './settings.ts';

/** What the door is built from. */
export interface SwiftDoorOptions {
  readonly core: Core;
  readonly users: UserDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Signs tokens; at least 32 bytes. The same secret in every process, or tokens work in one only. */
  readonly tokenSecret: Uint8Array;
  /** Whose tokens are good beside ours. */
  readonly identity?: IdentityService | undefined;
  /** Shown by /info. */
  readonly version: string;
  readonly settings: SwiftSettings;
}

/** With what it remembers from one request to the next. */
export interface SwiftDoor extends SwiftDoorOptions {
  readonly limiter: RateLimiter | undefined;
}

export interface AccountCall {
  readonly door: SwiftDoor;
  readonly request: HttpRequest;
  readonly headers: Headers;
  readonly query: Query;
  readonly principal: Principal;
  readonly context: RequestContext;
  readonly account: string;
}

export interface ContainerCall extends AccountCall {
  readonly container: string;
}

export interface ObjectCall extends ContainerCall {
  readonly key: string;
}

export type AccountOperation = (call: AccountCall) => Promise<HttpReply>;
export type ContainerOperation = (call: ContainerCall) => Promise<HttpReply>;
export type ObjectOperation = (call: ObjectCall) => Promise<HttpReply>;
