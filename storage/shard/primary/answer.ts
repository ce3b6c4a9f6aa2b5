/** Calls to replicas whose devices may hang. */
import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';

/** The call's outcome, or `unavailable` after `millis`; the call itself goes on and may still take effect. */
export function answerWithin<Result>(
  clock: Clock,
  millis: number,
  call: Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(millis, () => {
      reject(new StoreError('unavailable', 'shard.peer', 'a replica did not answer in time'));
    });
    call.then(
      (result) => {
        cancel();
        resolve(result);
      },
      (error: unknown) => {
        cancel();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
