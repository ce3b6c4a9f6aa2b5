/** Thrown when the program itself is wrong. Nobody catches it to continue. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Stays on in production: its cost is within noise, and a broken invariant must not reach a disk. */
export function invariant(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new InvariantError(sentence);
}

export function unreachable(value: never, sentence = 'unexpected value'): never {
  throw new InvariantError(`${sentence}: ${String(value)}`);
}
