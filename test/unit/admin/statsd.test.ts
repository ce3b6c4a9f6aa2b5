import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { linesOf, Statsd } from '../../../server/admin/statsd.ts';
import type { Served } from '../../../server/http/front.ts';

const served: Served = {
  ...{ door: 'swift', operation: 'PutObject', method: 'PUT', status: 201 },
  ...{ seconds: 0.0125, bytesIn: 100, bytesOut: 11 },
};

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

it('names requests as Swift does', () => {
  const name = (more: Partial<Served>): string =>
    linesOf({ ...served, ...more }, '').split('.timing')[0] ?? '';
  expect(linesOf(served, 'site1')).toBe(
    'site1.proxy-server.object.PUT.201.timing:12.5|ms\nsite1.proxy-server.object.PUT.201.xfer:111|c',
  );
  expect(name({ operation: 'GetContainer', method: 'GET', status: 200 })).toBe(
    'proxy-server.container.GET.200',
  );
  expect(name({ operation: 'BulkDelete', method: 'POST', status: 200 })).toBe(
    'proxy-server.account.POST.200',
  );
  expect(name({ operation: 'unknown', method: 'LICK', status: 405 })).toBe(
    'proxy-server.UNKNOWN.BAD_METHOD.405',
  );
  expect(name({ door: 's3', operation: 'ListObjectsV2', method: 'GET', status: 200 })).toBe(
    'proxy-server.s3api.ListObjectsV2.GET.200',
  );
});

it('sends a datagram for each request', async () => {
  const collector = createSocket('udp4');
  closing.push(() => collector.close());
  collector.bind(0, '127.0.0.1');
  await once(collector, 'listening');
  const { port } = collector.address();
  const statsd = new Statsd({ host: '127.0.0.1', port, prefix: '' });
  closing.push(() => statsd.close());
  const received = once(collector, 'message');
  statsd.observe(served);
  const [message] = (await received) as [Buffer];
  expect(message.toString()).toBe(linesOf(served, ''));
});
