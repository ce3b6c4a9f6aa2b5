/** What a client must not guess byte by byte is compared in constant time: `===` tells how much of it was right. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const server = join(import.meta.dirname, '..', '..', '..', '..', 'server');

const secret = String.raw`[\w.#]*(?:(?:signature|hmac|secret|password)\w*|\bmac\b)`;
const plain = String.raw`(?!\s*(?:undefined|null|''|'[a-z]+'|\d))`;
/** A comparison of a secret with anything but a fixed word. */
const comparison = new RegExp(
  String.raw`${secret}\)?\s*(?:===|!==)${plain}|(?:===|!==)\s*${secret}|${secret}\.equals\(`,
  'i',
);

/** Both sides are the server's own: what a user's file says now, and what it said when a key was derived. */
const allowed = [
  's3/auth/signing-keys.ts: if (cached !== undefined && cached.secret === scope.secret) return cached.key;',
];

function offences(): string[] {
  return readdirSync(server, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) =>
      readFileSync(join(server, path), 'utf8')
        .split('\n')
        .filter((line) => comparison.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    );
}

test('the gate sees what it is for', () => {
  for (const line of [
    'if (signature === claim.signature) return;',
    'return computed !== claim.signature;',
    'entry.secretAccessKey === given',
    'stored.password !== given',
    'mac.equals(other)',
  ]) {
    expect([line, comparison.test(line)]).toEqual([line, true]);
  }
  for (const line of [
    'if (signature === undefined) return;',
    "if (password === '') return;",
    'macro === other',
    'timingSafeEqual(mac, given)',
  ]) {
    expect([line, comparison.test(line)]).toEqual([line, false]);
  }
});

test('no secret is compared with ===', () => {
  expect(offences()).toEqual(allowed);
});
