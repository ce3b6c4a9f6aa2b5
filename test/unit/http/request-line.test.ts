import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repairRequestLine } from '../../../server/http/mending/request-line.ts';
import { echo, type Harness, startFront } from './front-harness.ts';

const utf8Latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

describe('mending a request line', () => {
  const repair = (
    text: string,
    badAt: number,
  ): { text: string; method: string | undefined } | undefined => {
    const repaired = repairRequestLine(Buffer.from(text, 'latin1'), badAt);
    return repaired && { text: repaired.bytes.toString('latin1'), method: repaired.method };
  };

  it('encodes bytes of the target only', () => {
    expect(repair('PUT /v1/\xc3\xbc?a=\xff HTTP/1.1\r\nX: \xc3\r\n\r\n\xff', 8)).toEqual({
      text: 'PUT /v1/%C3%BC?a=%FF HTTP/1.1\r\nX: \xc3\r\n\r\n\xff',
      method: undefined,
    });
  });

  it('starts at the line that was refused, after earlier requests of the packet', () => {
    expect(repair('GET / HTTP/1.1\r\n\r\nGET /\xe9 HTTP/1.1\r\n\r\n', 23)?.text).toBe(
      'GET /%E9 HTTP/1.1\r\n\r\n',
    );
  });

  it('replaces an unknown method and names it', () => {
    expect(repair('LICK /a\xe9 HTTP/1.1\r\n', 2)).toEqual({
      text: 'POST /a%E9 HTTP/1.1\r\n',
      method: 'LICK',
    });
  });

  it('leaves what it cannot see whole', () => {
    expect(repair('bc\xe9 HTTP/1.1\r\n', 2)).toBeUndefined();
    expect(repair('GET / HTTP/1.1\r\n', 0)).toBeUndefined();
    expect(repair('G<T / HTTP/1.1\r\n', 1)).toBeUndefined();
    expect(repair('GET /a\x01 HTTP/1.1\r\n', 6)).toBeUndefined();
  });
});

describe.each(['http', 'https'] as const)('raw request lines over %s', (scheme) => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startFront(echo);
  });
  afterAll(() => harness.listening.close());

  it('serves raw UTF-8 in the target, and further requests on the connection', async () => {
    const wire = await harness.dial(scheme);
    for (let i = 0; i < 3; i++) {
      wire.send(
        `PUT /v1/AUTH_x/${utf8Latin1('ü')}?q=${utf8Latin1('é')} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi`,
      );
      const reply = await wire.reply();
      expect(reply.headers['x-door']).toBe('swift');
      expect(JSON.parse(reply.body)).toEqual({
        method: 'PUT',
        path: '/v1/AUTH_x/%C3%BC',
        query: 'q=%C3%A9',
        secure: scheme === 'https',
        body: 'hi',
      });
      wire.send('GET /v1/plain HTTP/1.1\r\nHost: a\r\n\r\n');
      expect((await wire.reply()).body).toContain('"/v1/plain"');
    }
    wire.socket.destroy();
  });

  it('gives unknown methods to the door under their own name, once', async () => {
    const wire = await harness.dial(scheme);
    for (const method of ['LICK', 'GETorHEAD_base', 'get']) {
      wire.send(`${method} /v1/${utf8Latin1('ü')} HTTP/1.1\r\nHost: a\r\n\r\n`);
      const reply = await wire.reply();
      expect(JSON.parse(reply.body)).toMatchObject({ method, path: '/v1/%C3%BC' });
      wire.send('POST /v1/next HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n');
      expect(JSON.parse((await wire.reply()).body)).toMatchObject({ method: 'POST' });
    }
    wire.socket.destroy();
  });

  it('waits for the rest of a line that came in pieces', async () => {
    const wire = await harness.dial(scheme);
    wire.send('GET /v1/\xc3');
    await new Promise((resolve) => setTimeout(resolve, 30));
    wire.send('\xbc/\xc3\xa9 HTTP/1.1\r\nHo');
    await new Promise((resolve) => setTimeout(resolve, 30));
    wire.send('st: a\r\n\r\n');
    expect((await wire.reply()).body).toContain('/v1/%C3%BC/%C3%A9');
    wire.socket.destroy();
  });

  it('refuses what is not a request, and closes', async () => {
    const bad = [
      'GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n',
      'hello\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: X\r\n\r\n',
      'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n',
    ];
    for (const text of bad) {
      const wire = await harness.dial(scheme);
      wire.send(text);
      expect((await wire.reply()).status, text).toBe(400);
      await wire.end();
    }
  });

  it('answers 431 to headers beyond the limit', async () => {
    const wire = await harness.dial(scheme);
    wire.send(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`);
    expect((await wire.reply()).status).toBe(431);
  });
});
