/** Looks at the clock while members of a shard are behind, and tells which of them have kept their primary waiting for too long. */
import type { Clock } from '../../../base/clock.ts';
import { Member } from './member.ts';

export interface PatienceOptions {
  readonly clock: Clock;
  readonly patienceMillis: number;
  readonly members: () => readonly Member[];
  readonly onSlow: (member: Member) => void;
}

export class Patience {
  readonly #options: PatienceOptions;
  #cancel: (() => void) | undefined;
  #ended = false;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** Something is under way: it is looked at in a while. */
  start(): void {
    if (this.#cancel !== undefined || this.#ended) return;
    const { clock, patienceMillis } = this.#options;
    this.#cancel = clock.after(patienceMillis / Member.patienceChecks, () => {
      this.#cancel = undefined;
      this.#check();
    });
  }

  #check(): void {
    const { members, onSlow } = this.#options;
    for (const member of members().filter((one) => one.check())) onSlow(member);
    if (members().some((member) => member.behind)) this.start();
  }

  end(): void {
    this.#ended = true;
    this.#cancel?.();
  }
}
