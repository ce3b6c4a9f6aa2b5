/** Which rates a request comes under, and what becomes of one that is too fast. */
import type { SwiftDoor } from '../call.ts';
import type { SwiftPath } from '../path.ts';
import { Refusal, textReply } from '../reply.ts';
import { type RateLimits, rateOf } from './rate-limit.ts';

/** Resolves when the request may go on. Throws Refusal 497 (blocked) or 498 (too fast). */
export async function limitRate(
  door: SwiftDoor,
  request: { readonly path: SwiftPath; readonly method: string; readonly signal: AbortSignal },
): Promise<void> {
  const { limiter } = door;
  if (limiter === undefined) return;
  const { limits } = limiter;
  const { path, method, signal } = request;
  if (limits.allowlist.includes(path.account)) return;
  if (limits.blocklist.includes(path.account)) {
    await door.clock.sleep(1000, signal);
    throw new Refusal(textReply(497, 'Your account has been blacklisted'));
  }
  for (const [place, rate] of await placesOf(door, limits, path, method)) {
    const wait = limiter.reserve(place, rate);
    if (wait === undefined) throw new Refusal(textReply(498, 'Slow down'));
    if (wait > 0) await door.clock.sleep(wait, signal);
  }
}

const writes = new Set(['PUT', 'DELETE', 'POST', 'COPY']);

async function placesOf(
  door: SwiftDoor,
  limits: RateLimits,
  path: SwiftPath,
  method: string,
): Promise<readonly (readonly [place: string, rate: number])[]> {
  const { account } = path;
  const places: (readonly [string, number | undefined])[] = [];
  if (path.shape === 'container') {
    const isMaking = method === 'PUT' || method === 'DELETE';
    if (isMaking && limits.account > 0) places.push([`containers/${account}`, limits.account]);
    if (method === 'GET' && limits.listing.length > 0) {
      const size = await door.core.countObjects(path);
      places.push([`listing/${account}/${path.container}`, rateOf(limits.listing, size)]);
    }
  }
  if (path.shape === 'object' && writes.has(method) && limits.container.length > 0) {
    const size = await door.core.countObjects(path);
    places.push([`objects/${account}/${path.container}`, rateOf(limits.container, size)]);
  }
  if (writes.has(method)) places.push([`writes/${account}`, limits.writes[account]]);
  return places.flatMap(([place, rate]) =>
    rate === undefined || rate <= 0 ? [] : [[place, rate] as const],
  );
}
