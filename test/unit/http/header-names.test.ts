import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repairMetadataNames } from '../../../server/http/mending/header-names.ts';
import { echo, type Harness, startFront } from './front-harness.ts';

describe('mending names of metadata headers', () => {
  const repair = (text: string): string | undefined =>
    repairMetadataNames(Buffer.from(text, 'latin1'))?.toString('latin1');
  const start = 'PUT /v1/a/c/o HTTP/1.1\r\nHost: a\r\n';

  it('encodes bytes of such names only', () => {
    expect(
      repair(`${start}X-Object-Meta-\xc3\x9c: \xc3\r\nA: \xc3\r\n\r\nx-object-meta-\xc3: 1`),
    ).toBe(`${start}X-Object-Meta-%C3%9C: \xc3\r\nA: \xc3\r\n\r\nx-object-meta-\xc3: 1`);
    expect(repair(`${start}x-remove-container-meta-\xff: 1\r\n`)).toBe(
      `${start}x-remove-container-meta-%FF: 1\r\n`,
    );
  });

  it('leaves everything else', () => {
    for (const text of [
      `${start}Content-Length\xff: 3\r\n\r\n`,
      `${start}Transfer-\xc3Encoding: chunked\r\n\r\n`,
      `${start}X-Amz-Meta-\xc3: 3\r\n\r\n`,
      `${start}\r\nX-Object-Meta-\xc3: in the body\r\n`,
      // No request line: the rest of something.
      'Host: a\r\nX-Object-Meta-\xc3: 1\r\n\r\n',
      '0\r\nX-Object-Meta-\xc3: a trailer\r\n\r\n',
    ]) {
      expect([text, repair(text)]).toEqual([text, undefined]);
    }
  });
});

describe.each(['http', 'https'] as const)('metadata names beyond ASCII over %s', (scheme) => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startFront(async (request) => {
      const reply = await echo(request);
      const { rawHeaders } = request;
      const place = rawHeaders.findIndex((name) => /^x-object-meta-/i.test(name));
      const seen = place < 0 ? 'none' : rawHeaders.slice(place, place + 2).join('=');
      return { ...reply, headers: [['X-Seen', seen]] };
    });
  });
  afterAll(() => harness.listening.close());
  const bad =
    'POST /v1/a HTTP/1.1\r\nHost: a\r\nX-Object-Meta-\xc3\x9c: \xc3\r\nContent-Length: 2\r\n\r\nhi';

  it('are served, on a new connection and after other requests', async () => {
    const wire = await harness.dial(scheme);
    for (let i = 0; i < 3; i++) {
      wire.send(bad);
      const reply = await wire.reply();
      expect(reply.headers['x-seen']).toBe('X-Object-Meta-%C3%9C=\xc3');
      expect(JSON.parse(reply.body)).toMatchObject({ method: 'POST', body: 'hi' });
      wire.send('PUT /v1/plain HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1');
      expect((await wire.reply()).headers['x-seen']).toBe('none');
    }
    wire.send(bad.replace('/v1/a', '/v1/\xc3\xbc').replace('POST', 'LICK'));
    const reply = await wire.reply();
    expect(reply.headers['x-seen']).toBe('X-Object-Meta-%C3%9C=\xc3');
    expect(JSON.parse(reply.body)).toMatchObject({ method: 'LICK', path: '/v1/%C3%BC' });
    wire.socket.destroy();
  });

  it('never make a request of what is the middle of one', async () => {
    const wire = await harness.dial(scheme);
    wire.send('GET /v1/mine HTTP/1.1\r\nHost: a\r\nX-A: ');
    await new Promise((resolve) => setTimeout(resolve, 30));
    wire.send(bad);
    const reply = await wire.reply();
    // On a machine that is busy both pieces may come as one packet, which is a whole request.
    if (reply.status === 200) expect(JSON.parse(reply.body).path).toBe('/v1/mine');
    else expect(reply.status).toBe(400);
    wire.socket.destroy();
  });

  it('are refused while the body of the request before may still come', async () => {
    const wire = await harness.dial(scheme);
    wire.send(
      'PUT /v1/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n',
    );
    await new Promise((resolve) => setTimeout(resolve, 30));
    wire.send(`X-Object-Meta-\xc3: a trailer\r\n\r\n${bad}`);
    await wire.end();
    expect(wire.received).not.toContain('%C3');
  });
});
