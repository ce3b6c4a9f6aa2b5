import { isStoreError, StoreError } from '../../../base/errors.ts';

/** Nothing was done, or read: the name lies in another piece of the container, that behind this one. */
export function elsewhere(): StoreError {
  return new StoreError('conflict', 'pieces', 'the name lies in another piece of the container', {
    detail: { elsewhere: true },
  });
}

export function isElsewhere(error: unknown): error is StoreError {
  return isStoreError(error, 'conflict') && error.detail['elsewhere'] === true;
}

/** Nothing was done: the container's row is being changed. */
export function isFencedOff(error: unknown): error is StoreError {
  return isStoreError(error, 'conflict') && error.detail['fenced'] === true;
}

/** Nothing was done: the row of a container in pieces is changed in all of them. */
export function wantsRound(error: unknown): error is StoreError {
  return isStoreError(error, 'conflict') && error.detail['inPieces'] === true;
}

/** Nothing was begun: another change of the row is under way. */
export function isRoundUnderWay(error: unknown): error is StoreError {
  return isStoreError(error, 'conflict') && error.detail['round'] === true;
}
