/** CORS rules of a bucket: which origins may do what from a browser. The first rule that matches counts. */

export interface CorsRule {
  readonly id?: string | undefined;
  readonly allowedHeaders: readonly string[];
  readonly allowedMethods: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds?: number | undefined;
}

/** What rules can allow. */
export const corsMethods: ReadonlySet<string> = new Set(['GET', 'PUT', 'POST', 'DELETE', 'HEAD']);

/** Where the rules stand in a bucket's settings, as JSON. */
export const CORS = 's3:cors';

export interface CorsAsk {
  readonly origin: string;
  readonly method: string;
  /** Lower case; only a preflight names them. */
  readonly headers: readonly string[];
}

export interface CorsMatch {
  readonly rule: CorsRule;
  /** Any origin may: then no credentials go along. */
  readonly isOpen: boolean;
}

export function readStoredRules(text: string | undefined): readonly CorsRule[] {
  if (text === undefined) return [];
  // Only this door writes it.
  const rules: readonly CorsRule[] = JSON.parse(text);
  return rules;
}

export function matchCors(rules: readonly CorsRule[], ask: CorsAsk): CorsMatch | undefined {
  for (const rule of rules) {
    if (!rule.allowedMethods.includes(ask.method)) continue;
    const origin = rule.allowedOrigins.find((pattern) => matches(pattern, ask.origin));
    if (origin === undefined) continue;
    const allowed = rule.allowedHeaders.map((pattern) => pattern.toLowerCase());
    const isAllowed = (name: string): boolean => allowed.some((pattern) => matches(pattern, name));
    if (ask.headers.every(isAllowed)) return { rule, isOpen: origin === '*' };
  }
  return undefined;
}

/** A pattern has at most one star, which stands for any text. */
function matches(pattern: string, text: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === text;
  const end = pattern.slice(star + 1);
  return (
    text.length >= pattern.length - 1 &&
    text.startsWith(pattern.slice(0, star)) &&
    text.endsWith(end)
  );
}
