/** Replies to requests that may take longer than clients and proxies wait: blanks go out until the answer is there. */
import { utf8 } from '../../../base/bytes.ts';
import type { Clock } from '../../../base/clock.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { AccountCall } from '../call.ts';
import type { ListingType } from '../listing/format.ts';

/** Between two signs of life (Swift's `yield_frequency`). */
export const heartbeatMillis = 10_000;

const separator = '\r\n\r\n';

/** 200 with the body that `work` makes; from the first interval on as a stream of blanks before it. */
export async function slowReply(
  call: AccountCall,
  type: ListingType,
  work: () => Promise<Uint8Array>,
): Promise<HttpReply> {
  const { clock } = call.door;
  const working = work();
  const headers: HttpReply['headers'] = [['Content-Type', type]];
  const early = await untilBeat(clock, working);
  if (early !== undefined) return { status: 200, headers, body: early };
  const first = type.endsWith('/xml') ? '<?xml version="1.0" encoding="UTF-8"?>\n' : ' ';
  return { status: 200, headers, body: withHeartbeat(clock, first, working) };
}

/** `first`, a blank an interval, a separator, then the body. */
export function withHeartbeat(
  clock: Clock,
  first: string,
  working: Promise<Uint8Array>,
): AsyncIterable<Uint8Array> {
  // A client that goes before the end asks for nothing more: then nobody else would see a failure.
  working.catch(() => undefined);
  return beats(clock, first, working);
}

async function* beats(
  clock: Clock,
  first: string,
  working: Promise<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield utf8(first);
  for (;;) {
    const body = await untilBeat(clock, working);
    if (body !== undefined) {
      yield utf8(separator);
      yield body;
      return;
    }
    yield utf8(' ');
  }
}

/** undefined: the interval passed first. */
function untilBeat(clock: Clock, working: Promise<Uint8Array>): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(heartbeatMillis, () => resolve(undefined));
    working.then(resolve, reject).finally(cancel);
  });
}
