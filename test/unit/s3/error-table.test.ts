import { expect, test } from 'vitest';
import { StoreError, errorKinds } from '../../../base/errors.ts';
import { s3Codes } from '../../../server/s3/codes.ts';
import { errorReply, failureOf } from '../../../server/s3/error-table.ts';
import { routes } from '../../../server/s3/routes.ts';

const place = {
  requestId: '0123456789ABCDEF',
  hostId: 'host',
  resource: '/b/k',
  isHead: false,
  address: { bucket: 'b', key: 'k' },
};

test.each(errorKinds)('%s has a code, a status and a body', (kind) => {
  const secret = { detail: { key: 'inside', containerId: 'inside' } };
  const reply = errorReply(new StoreError(kind, 'op', 'a sentence', secret), place);
  if (kind === 'not-modified') {
    expect([reply.status, reply.body]).toEqual([304, undefined]);
    return;
  }
  expect(reply.status).toBeGreaterThanOrEqual(400);
  const text = Buffer.from(reply.body instanceof Uint8Array ? reply.body : []).toString();
  expect(text).toContain('<RequestId>0123456789ABCDEF</RequestId>');
  expect(text).toContain('<Resource>/b/k</Resource>');
  // Details of our own are not for clients.
  expect(text).not.toContain('inside');
});

test('errors of our own say nothing about the inside', () => {
  for (const kind of ['internal', 'corrupt', 'unavailable', 'access-denied'] as const) {
    expect(failureOf(new StoreError(kind, 'op', 'disk d3 at offset 7')).message).not.toContain(
      'd3',
    );
  }
});

test('every code has a kind that has a row, and a status that is an error', () => {
  for (const { status, kind } of Object.values(s3Codes)) {
    expect(errorKinds).toContain(kind);
    expect(status).toBeGreaterThanOrEqual(304);
  }
});

test('a race about a bucket', () => {
  expect(failureOf(new StoreError('conflict', 'container.create', '')).code).toBe(
    'OperationAborted',
  );
  expect(failureOf(new StoreError('conflict', 'object.put', '')).code).toBe(
    'ConditionalRequestConflict',
  );
});

test('routes: one row a place and header, each name once unless the place differs', () => {
  const seen = new Set<string>();
  for (const { method, shape, marker, header, name, action } of routes) {
    const place = [method, shape, marker, header].join(' ');
    expect(seen.has(place)).toBe(false);
    seen.add(place);
    expect(name).toMatch(/^[A-Z][A-Za-z0-9]+$/);
    expect(action).toMatch(/^s3:[A-Z]/);
  }
  expect(seen.size).toBeGreaterThan(100);
});
