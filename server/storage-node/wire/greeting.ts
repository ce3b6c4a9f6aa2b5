/** Hello and welcome: who speaks, to whom, in which version. See docs/format/wire.md. */
import { StoreError } from '../../../base/errors.ts';
import { decodeHead, encodeHead, numberIn, textIn } from './head.ts';

/** What this release speaks: its own version and that of the release before. */
export const oldestProtocol = 1;
export const newestProtocol = 1;

/** What is agreed in TLS. */
export const wireProtocol = 'torc/1';

export const lanes = ['rows', 'bytes'] as const;
/** `rows`: everything small, commits above all. `bytes`: fragments and what else is large. */
export type Lane = (typeof lanes)[number];

export interface Hello {
  readonly oldest: number;
  readonly newest: number;
  readonly cluster: string;
  readonly node: string;
  readonly to: string;
  /** Random, new with every process. */
  readonly instance: string;
  /** The process that is meant. */
  readonly toInstance: string;
  readonly lane: Lane;
  /** Grows with every connection of one instance. */
  readonly turn: number;
  readonly release: string;
}

export interface Welcome {
  readonly protocol: number;
  readonly node: string;
  readonly instance: string;
  readonly windowBytes: number;
  readonly release: string;
}

export function encodeHello(hello: Hello): Uint8Array {
  return encodeHead({ ...hello });
}

function isLane(text: string): text is Lane {
  return lanes.some((lane) => lane === text);
}

export function decodeHello(bytes: Uint8Array): Hello {
  const head = decodeHead(bytes);
  const lane = textIn(head, 'lane');
  if (!isLane(lane)) throw new StoreError('not-implemented', 'wire.hello', `no lane "${lane}"`);
  return {
    oldest: numberIn(head, 'oldest'),
    newest: numberIn(head, 'newest'),
    cluster: textIn(head, 'cluster'),
    node: textIn(head, 'node'),
    to: textIn(head, 'to'),
    instance: textIn(head, 'instance'),
    toInstance: textIn(head, 'toInstance'),
    lane,
    turn: numberIn(head, 'turn'),
    release: textIn(head, 'release'),
  };
}

export function encodeWelcome(welcome: Welcome): Uint8Array {
  return encodeHead({ ...welcome });
}

export function decodeWelcome(bytes: Uint8Array): Welcome {
  const head = decodeHead(bytes);
  return {
    protocol: numberIn(head, 'protocol'),
    node: textIn(head, 'node'),
    instance: textIn(head, 'instance'),
    windowBytes: numberIn(head, 'windowBytes'),
    release: textIn(head, 'release'),
  };
}

/** The highest version that both speak. Throws `not-implemented` when there is none. */
export function agree(theirs: { readonly oldest: number; readonly newest: number }): number {
  const version = Math.min(theirs.newest, newestProtocol);
  if (version >= theirs.oldest && version >= oldestProtocol) return version;
  throw new StoreError(
    'not-implemented',
    'wire.hello',
    `this node speaks versions ${oldestProtocol} to ${newestProtocol} of the protocol between machines, the other ${theirs.oldest} to ${theirs.newest}`,
  );
}
