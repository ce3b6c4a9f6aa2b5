/** What every call of core has: who asks, and for what. */
import type { Micros } from '../../base/units.ts';
import type { Facts } from './access/facts.ts';
import type { Permit } from './access/permit.ts';
import type { Principal } from './access/principal.ts';

/** Travels with every call. */
export interface RequestContext {
  readonly principal: Principal;
  /** Aborts when the client goes away or the deadline passes. */
  readonly signal?: AbortSignal | undefined;
  /** The request, as those who follow a container are told of it. */
  readonly request?: { readonly id: string; readonly sourceAddress: string } | undefined;
  /** The change was made in another store at this time (Swift's container sync). It takes the place of what is older alone, and of no later deletion: else `precondition-failed` with the condition `made-before`. */
  readonly madeAt?: Micros | undefined;
  /** What conditions of rules may ask about the request; absent: nothing is known of it. */
  readonly facts?: Facts | undefined;
  /** What `authorise` decided. Operations on other places than its own decide anew. */
  readonly permit?: Permit | undefined;
}

/** How a door names a container: with an account (Swift), or by bucket name alone (S3). */
export interface ContainerAddress {
  readonly account: string | undefined;
  readonly container: string;
}

export interface ObjectAddress extends ContainerAddress {
  readonly key: string;
}

/** One range as requested: [first, last], suffix of `last` bytes when first is undefined, open end when last is undefined. */
export interface RangeRequest {
  readonly first: number | undefined;
  readonly last: number | undefined;
}
