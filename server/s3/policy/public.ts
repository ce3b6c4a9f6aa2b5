/** What Amazon calls public ("Blocking public access", "The meaning of public"). */
import { parseRange } from '../../core/access/address-range.ts';
import type { Condition } from '../../core/access/condition.ts';
import { expandText } from '../../core/access/pattern.ts';

/** A fixed value of one of these is a bound on who may come. */
const bounding: ReadonlySet<string> = new Set([
  'source-arn',
  'source-account',
  's3:principal-account',
  's3:principal-arn',
  's3:user-id',
  'absent.aws:principalorgid',
  'absent.aws:principalorgpaths',
  'absent.aws:sourcevpc',
  'absent.aws:sourcevpce',
  'absent.aws:vpcsourceip',
  'absent.s3:dataaccesspointaccount',
  'absent.s3:dataaccesspointarn',
]);

/** "Broader than /8 for IPv4, /32 for IPv6" counts as public. */
const WIDEST = { 32: 8, 128: 32 } as const;

/** Whether a statement for everybody lets in only some by its conditions. */
export function restrictsPublic(conditions: readonly Condition[]): boolean {
  return conditions.some(isBound);
}

function isBound(condition: Condition): boolean {
  const { fact, operator, values, isNegated, ifPresent, quantifier } = condition;
  // Each of these lets in requests that say nothing of the fact.
  if (isNegated === true || ifPresent === true || quantifier === 'all') return false;
  if (values.length === 0) return false;
  if (operator === 'address') {
    return (
      fact === 'source-ip' &&
      values.every((value) => {
        const range = parseRange(expandText(value, () => undefined) ?? '');
        return range !== undefined && range.prefix >= WIDEST[range.bits];
      })
    );
  }
  const isText = ['equals', 'equals-ignoring-case', 'like', 'arn'].includes(operator);
  return isText && bounding.has(fact) && values.every(isFixed);
}

/** "A fixed value: one without a wildcard or a policy variable." */
function isFixed(value: Condition['values'][number]): boolean {
  return value.every((token) => typeof token === 'string');
}
