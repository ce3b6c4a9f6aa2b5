/**
 * docs/api-matrix.md: every operation of S3 and what the door does with it, from the route table.
 * `npm run build:api-matrix` writes it; tests compare it with the table and with boto3's model.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Route } from '../../server/s3/call.ts';
import { routes } from '../../server/s3/routes.ts';

const file = join(import.meta.dirname, '..', '..', 'docs', 'api-matrix.md');

/** Operations of ours, or of browsers, that Amazon's model of S3 does not have. */
export const ownOperations: readonly string[] = ['AppendObject', 'PostObject'];

/** Those of the model of S3; the account's belong to S3 Control. */
export function documentedOperations(): readonly string[] {
  return routes
    .filter(({ shape }) => shape !== 'account')
    .flatMap((route) => [route.name, ...(route.also ?? [])]);
}

export function renderApiMatrix(): string {
  const rows = routes
    .flatMap((route) => [route.name, ...(route.also ?? [])].map((name) => ({ name, route })))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return [
    '# Operations of S3',
    '',
    'Made from `server/s3/routes.ts` by `npm run build:api-matrix`; a test compares it with the model of the boto3 that the tests install.',
    '',
    'State `unset`: it answers as a bucket where nothing is configured; `501`: NotImplemented.',
    '',
    '| operation | request | permission | state |',
    '|---|---|---|---|',
    ...rows.map(
      ({ name, route }) =>
        `| ${name} | ${requestOf(route)} | ${route.action} | ${stateOf(route)} |`,
    ),
    '',
  ].join('\n');
}

function requestOf(route: Route): string {
  const account = '/v20180820/configuration/publicAccessBlock';
  const path = { service: '/', account, bucket: '/bucket', object: '/bucket/key' }[route.shape];
  const marker = route.marker === undefined ? '' : `?${route.marker}`;
  const header = route.header === undefined ? '' : ` with \`${route.header}\``;
  return `\`${route.method} ${path}${marker}\`${header}`;
}

function stateOf(route: Route): 'built' | 'unset' | '501' {
  if (route.run === undefined) return '501';
  return route.isUnset === true ? 'unset' : 'built';
}

export function readApiMatrix(): string {
  return readFileSync(file, 'utf8');
}

if (import.meta.main) writeFileSync(file, renderApiMatrix());
