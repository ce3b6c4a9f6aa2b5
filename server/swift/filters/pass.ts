/** What stands before every request also stands before those that one request contains. */
import { headerBytes } from '../../http/exchange.ts';
import type { SwiftDoor } from '../call.ts';
import { limitRate } from './limit-rate.ts';
import { checkNames } from './name-check.ts';

interface Inner {
  readonly door: SwiftDoor;
  readonly account: string;
  readonly container: string;
  /** '': the container itself. */
  readonly key: string;
}

/** Throws Refusal, as the request would have been refused by itself. */
export async function passFilters(
  inner: Inner,
  method: 'PUT' | 'DELETE',
  signal: AbortSignal,
): Promise<void> {
  const { door, account, container, key } = inner;
  const { nameCheck } = door.settings;
  if (nameCheck !== undefined) {
    const names = [account, container, ...(key === '' ? [] : [key])];
    checkNames(nameCheck, headerBytes(`/v1/${names.join('/')}`));
  }
  const path =
    key === ''
      ? ({ shape: 'container', account, container } as const)
      : ({ shape: 'object', account, container, key } as const);
  await limitRate(door, { path, method, signal });
}
