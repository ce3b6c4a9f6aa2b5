import type { RequestContext } from '../api.ts';
import type { EventCause } from '../commands.ts';
import type { ContainerRow } from '../model.ts';
import type { Services } from '../services.ts';
import type { ObjectEvent } from './events.ts';

/** The part of a command that tells feeds what happened; empty where nobody follows the container. */
export function causeOf(
  ctx: RequestContext,
  container: ContainerRow,
  event?: ObjectEvent,
): { readonly cause?: EventCause } {
  const what = event === undefined ? {} : { event };
  if (container.feeds === undefined) return event === undefined ? {} : { cause: what };
  const { principal, request } = ctx;
  const { user, account } = principal;
  const requestId = request?.id ?? '';
  const sourceAddress = request?.sourceAddress ?? '';
  return { cause: { ...what, origin: { user, account, sourceAddress, requestId } } };
}

/** After a commit: whoever tells the feeds of this container need not wait for its next look. */
export function wakeFeeds(services: Services, container: ContainerRow): void {
  if (container.feeds !== undefined) services.onEvent?.();
}
