import type { RequestContext } from '../request.ts';
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
  const { madeAt } = ctx;
  const what = {
    ...(event === undefined ? {} : { event }),
    ...(madeAt === undefined ? {} : { madeAt }),
  };
  if (container.feeds === undefined) return Object.keys(what).length === 0 ? {} : { cause: what };
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
