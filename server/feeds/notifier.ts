import { isStoreError } from '../../base/errors.ts';
import type { Taken } from './deliver.ts';
import type { Backlog, PendingEvent } from './source.ts';
import type { MessageTarget } from './targets/target.ts';
import type { Consumer } from './worker.ts';

/** How a door words an event; undefined: it has no word for it. */
export type Render = (feed: Backlog, event: PendingEvent) => Uint8Array | undefined;

/** Sends each event as one message. */
export class Notifier implements Consumer {
  readonly target: string;
  readonly #to: MessageTarget;
  readonly #render: Render;

  constructor(to: MessageTarget, render: Render) {
    this.target = to.name;
    this.#to = to;
    this.#render = render;
  }

  async take(feed: Backlog, event: PendingEvent): Promise<Taken> {
    const message = this.#render(feed, event);
    if (message === undefined) return 'taken';
    try {
      await this.#to.send(message);
      return 'taken';
    } catch (error) {
      if (isStoreError(error, 'invalid-argument')) return 'refused';
      throw error;
    }
  }
}
