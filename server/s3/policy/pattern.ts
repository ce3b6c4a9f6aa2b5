/** Amazon's texts with `*`, `?` and `${variable}` as patterns of the model. */
import type { Pattern, Token } from '../../core/access/pattern.ts';
import { factOfKey } from './condition-keys.ts';
import { malformedPolicy } from './document.ts';

export interface PatternRules {
  readonly hasWildcards: boolean;
  readonly hasVariables: boolean;
}

/** Throws `MalformedPolicy` for a variable that nobody knows. */
export function parsePattern(text: string, rules: PatternRules): Pattern {
  const tokens: Token[] = [];
  let plain = '';
  const flush = (): void => {
    if (plain !== '') tokens.push(plain);
    plain = '';
  };
  for (let at = 0; at < text.length; at++) {
    const end = rules.hasVariables && text.startsWith('${', at) ? text.indexOf('}', at) : -1;
    const letter = text[at] ?? '';
    if (end > at) {
      const inner = text.slice(at + 2, end);
      // The three marks that would mean something else.
      if (inner === '*' || inner === '?' || inner === '$') plain += inner;
      else {
        flush();
        tokens.push(parseVariable(inner));
      }
      at = end;
    } else if (rules.hasWildcards && (letter === '*' || letter === '?')) {
      flush();
      tokens.push({ type: letter === '*' ? 'any' : 'one' });
    } else plain += letter;
  }
  flush();
  return tokens.length === 0 ? [''] : tokens;
}

/** `aws:username`, or with what stands for it where it is absent: `aws:username, 'nobody'`. */
function parseVariable(text: string): Token {
  const match = /^\s*([^,'\s]+)\s*(?:,\s*'([^']*)'\s*)?$/.exec(text);
  const fact = match?.[1] === undefined ? undefined : factOfKey(match[1]);
  if (fact === undefined) throw malformedPolicy('Policy has an invalid variable');
  return { type: 'fact', fact, otherwise: match?.[2] };
}
