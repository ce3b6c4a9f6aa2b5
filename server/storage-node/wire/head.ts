/** The structured part of a message: JSON, read with care, as it comes from another machine. */
import { fromUtf8, utf8 } from '../../../base/bytes.ts';
import {
  type ErrorDetail,
  type ErrorKind,
  errorKinds,
  isStoreError,
  StoreError,
  toStoreError,
} from '../../../base/errors.ts';

export type Head = Readonly<Record<string, unknown>>;

function bad(message: string): StoreError {
  return new StoreError('invalid-argument', 'wire.head', message);
}

export function encodeHead(head: Head): Uint8Array {
  return utf8(JSON.stringify(head));
}

export function asHead(value: unknown): Head {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw bad('not an object');
  }
  return value as Head;
}

/** Throws `invalid-argument` for anything but one JSON object. */
export function decodeHead(bytes: Uint8Array): Head {
  let value: unknown;
  try {
    value = bytes.length === 0 ? {} : JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    throw new StoreError('invalid-argument', 'wire.head', 'not JSON', { cause });
  }
  return asHead(value);
}

/** A whole number from 0 to 2^53 - 1. */
export function numberIn(head: Head, name: string): number {
  const value = head[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw bad(`${name} is not a whole number`);
}

export function textIn(head: Head, name: string): string {
  const value = head[name];
  if (typeof value === 'string') return value;
  throw bad(`${name} is not a text`);
}

export function listIn(head: Head, name: string): readonly unknown[] {
  const value = head[name];
  if (Array.isArray(value)) return value as readonly unknown[];
  throw bad(`${name} is not a list`);
}

/** A list of whole numbers. */
export function numbersIn(head: Head, name: string): readonly number[] {
  return listIn(head, name).map((value) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw bad(`${name} holds something that is not a whole number`);
  });
}

export function flagIn(head: Head, name: string): boolean {
  return head[name] === true;
}

/** Reads pieces of given lengths that lie one after the other; they are views of `bytes`. */
export class PieceReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  next(length: number): Uint8Array {
    const end = this.#at + length;
    if (!Number.isSafeInteger(length) || length < 0 || end > this.#bytes.length) {
      throw bad('the bytes are shorter than the head says');
    }
    const piece = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return piece;
  }

  /** Throws when bytes are left over. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw bad('the bytes are longer than the head says');
  }
}

const messageLengthMax = 1000;
const knownKinds: ReadonlySet<string> = new Set(errorKinds);

function isErrorKind(value: unknown): value is ErrorKind {
  return typeof value === 'string' && knownKinds.has(value);
}

export function encodeFailure(error: unknown): Uint8Array {
  const { kind, op, message, detail } = toStoreError(error, 'wire.call');
  return encodeHead({ kind, op, message: message.slice(0, messageLengthMax), detail });
}

function decodeDetail(value: unknown): ErrorDetail {
  const detail: Record<string, string | number | boolean> = {};
  if (typeof value !== 'object' || value === null) return detail;
  for (const [name, one] of Object.entries(value)) {
    if (typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean') {
      detail[name] = one;
    }
  }
  return detail;
}

/** Never throws: what cannot be read is an `internal` error too. */
export function decodeFailure(bytes: Uint8Array): StoreError {
  try {
    const head = decodeHead(bytes);
    const kind = isErrorKind(head['kind']) ? head['kind'] : 'internal';
    const op = typeof head['op'] === 'string' ? head['op'] : 'wire.call';
    const message = typeof head['message'] === 'string' ? head['message'] : 'another node failed';
    return new StoreError(kind, op, message.slice(0, messageLengthMax), {
      detail: decodeDetail(head['detail']),
    });
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return new StoreError('internal', 'wire.call', 'another node failed', { cause: error });
  }
}
