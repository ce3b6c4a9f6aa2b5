/** Names that an operator does not want, because other systems choke on them (swift/common/middleware/name_check.py). */
import { refuse } from '../reply.ts';

export interface NameCheck {
  readonly forbiddenChars: string;
  /** Of the whole path, percent-decoded, in bytes. */
  readonly maximumLength: number;
  /** Of the path; empty: none. */
  readonly forbiddenRegexp: string;
}

/** Throws Refusal 400. `bytes`: the whole path, percent-decoded. */
export function checkNames(check: NameCheck, bytes: string): void {
  const { forbiddenChars, maximumLength, forbiddenRegexp } = check;
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  if (Array.from(forbiddenChars).some((character) => text.includes(character))) {
    throw refuse(
      400,
      `Object/Container/Account name contains forbidden chars from ${forbiddenChars}`,
    );
  }
  if (bytes.length > maximumLength) {
    throw refuse(
      400,
      `Object/Container/Account name longer than the allowed maximum ${maximumLength}`,
    );
  }
  if (forbiddenRegexp !== '' && new RegExp(forbiddenRegexp, 'u').test(text)) {
    throw refuse(
      400,
      `Object/Container/Account name contains a forbidden substring from regular expression ${forbiddenRegexp}`,
    );
  }
}
