/** How due rows are named and ordered (`Tables.due`). */
import type { Id } from '../model.ts';

export interface DueKey {
  readonly containerId: Id;
  readonly lane: DueLane;
  /** Milliseconds. */
  readonly dueAt: number;
  readonly id: string;
}

export type DueLane = 'check' | 'move';
