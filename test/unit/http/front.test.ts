import { afterEach, describe, expect, it } from 'vitest';
import { StoreError, toStoreError } from '../../../base/errors.ts';
import type { HttpReply, HttpRequest } from '../../../server/http/exchange.ts';
import type { HttpLimits } from '../../../server/http/limits.ts';
import { echo, type Harness, readBody, startFront } from './front-harness.ts';

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, millis));
const text = (body: string, status = 200): HttpReply => ({
  status,
  headers: [],
  body: Buffer.from(body),
});

let harness: Harness;
async function start(
  handle: (request: HttpRequest) => Promise<HttpReply>,
  limits?: Partial<HttpLimits>,
): Promise<Harness> {
  harness = await startFront(handle, limits);
  return harness;
}
afterEach(() => harness.listening.close());

describe('replies', () => {
  it('has Date, a length, and no Connection unless asked', async () => {
    await start(echo);
    const wire = await harness.dial('http');
    wire.send('GET /b/k HTTP/1.1\r\nHost: a\r\n\r\n');
    const plain = await wire.reply();
    expect(plain.headers['connection']).toBeUndefined();
    expect(plain.headers['keep-alive']).toBeUndefined();
    expect(plain.headers['date']).toMatch(/GMT$/);
    expect(plain.headers['x-door']).toBe('s3');
    wire.send('GET /b/k HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n');
    expect((await wire.reply()).headers['connection']).toBe('keep-alive');
    wire.send('GET /b/k HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect((await wire.reply()).headers['connection']).toBe('close');
    await wire.end();
    expect(harness.served).toHaveLength(3);
    expect(harness.served[0]).toMatchObject({ door: 's3', operation: 'Echo', status: 200 });
  });

  it('is counted with the bytes of its request, declared or not', async () => {
    await start(async (request) => {
      let bytes = 0;
      for await (const chunk of request.body()) bytes += chunk.length;
      return { status: 200, headers: [], body: Buffer.from(String(bytes)) };
    });
    const wire = await harness.dial('http');
    wire.send('PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc');
    expect((await wire.reply()).body).toBe('3');
    const head =
      'PUT /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
    wire.send(`${head}5\r\nabcde\r\n2\r\nfg\r\n0\r\n\r\n`);
    expect((await wire.reply()).body).toBe('7');
    await wire.end();
    expect(harness.served.map(({ bytesIn }) => bytesIn)).toEqual([3, 7]);
  });

  it('sends no body for HEAD, 204 and 304', async () => {
    await start(async (request) =>
      request.path === '/head'
        ? { status: 200, headers: [['Content-Length', '5']] }
        : { status: Number(request.path.slice(1)), headers: [], body: Buffer.from('never') },
    );
    const wire = await harness.dial('http');
    wire.send('HEAD /head HTTP/1.1\r\nHost: a\r\n\r\nGET /204 HTTP/1.1\r\nHost: a\r\n\r\n');
    expect((await wire.reply(true)).headers['content-length']).toBe('5');
    expect((await wire.reply()).status).toBe(204);
    wire.send('GET /304 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n');
    expect((await wire.reply()).status).toBe(304);
    expect((await wire.reply(true)).headers['content-length']).toBe('5');
    await pause(20);
    expect(wire.received).toBe('');
    wire.socket.destroy();
  });

  it('keeps latin1 bytes of header values', async () => {
    await start(async (request) => ({
      status: 200,
      headers: [
        ['X-Object-Meta-Color', request.header('x-in') ?? ''],
        ['Content-Disposition', request.header('x-in') ?? ''],
      ],
      body: Buffer.from('x'),
    }));
    const wire = await harness.dial('http');
    wire.send('GET / HTTP/1.1\r\nHost: a\r\nX-In: \xc3\xbc\r\nx-IN: \xff\r\n\r\n');
    await wire.until(() => wire.received.indexOf('X-Object-Meta-Color: \xc3\xbc, \xff\r\n'));
    const reply = await wire.reply();
    expect(reply.headers['content-disposition']).toBe('\xc3\xbc, \xff');
    wire.socket.destroy();
  });

  it('answers 500 when a door throws, and logs it', async () => {
    await start(async () => {
      throw new TypeError('bug');
    });
    const wire = await harness.dial('http');
    wire.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect((await wire.reply()).status).toBe(500);
    expect(harness.warnings).toEqual(['http.door-threw']);
    wire.socket.destroy();
  });

  it('answers pipelined requests one after the other', async () => {
    const order: string[] = [];
    await start(async (request) => {
      order.push(`> ${request.path}`);
      await pause(request.path === '/1' ? 30 : 1);
      order.push(`< ${request.path}`);
      return text(request.path);
    });
    const wire = await harness.dial('http');
    wire.send(['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
    expect([
      (await wire.reply()).body,
      (await wire.reply()).body,
      (await wire.reply()).body,
    ]).toEqual(['/1', '/2', '/3']);
    expect(order).toEqual(['> /1', '< /1', '> /2', '< /2', '> /3', '< /3']);
    wire.socket.destroy();
  });

  it('cuts a connection that pipelines without end', async () => {
    await start(() => pause(200).then(() => text('')));
    const wire = await harness.dial('http');
    wire.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(40));
    await wire.end();
  });
});

describe.each(['http', 'https'] as const)('streams over %s', (scheme) => {
  it('pushes back on a slow reader and delivers everything', async () => {
    let produced = 0;
    await start(async () => ({
      status: 200,
      headers: [['Content-Length', String(64 * 65_536)]],
      body: (async function* () {
        for (let i = 0; i < 64; i++) {
          produced += 1;
          yield new Uint8Array(65_536).fill(65 + (i % 26));
        }
      })(),
    }));
    const wire = await harness.dial(scheme);
    wire.socket.pause();
    wire.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await pause(150);
    expect(produced).toBeLessThan(64);
    wire.socket.resume();
    expect((await wire.reply()).body).toHaveLength(64 * 65_536);
    wire.socket.destroy();
  });

  it.each(['short', 'long', 'throws', 'chunked throws'])(
    'never ends cleanly when a body is %s',
    async (fault) => {
      await start(async () => ({
        status: 200,
        headers: fault === 'chunked throws' ? [] : [['Content-Length', '10']],
        body: (async function* () {
          yield Buffer.from('12345');
          await pause(10);
          if (fault === 'long') yield Buffer.from('1234567');
          if (fault.endsWith('throws')) throw new StoreError('corrupt', 'test', 'damaged');
        })(),
      }));
      const wire = await harness.dial(scheme);
      wire.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await wire.end();
      expect(wire.received).toContain('12345');
      expect(wire.received).not.toContain('0\r\n\r\n');
      expect(harness.warnings).toEqual(['http.reply-cut']);
      if (scheme === 'http') expect(wire.error).toMatchObject({ code: 'ECONNRESET' });
    },
  );

  it('stops the body and aborts the signal when the client goes', async () => {
    const events: string[] = [];
    await start(async (request) => {
      request.signal.addEventListener('abort', () => events.push('abort'));
      return {
        status: 200,
        headers: [],
        body: (async function* () {
          try {
            for (;;) {
              await pause(1);
              yield new Uint8Array(65_536);
            }
          } finally {
            events.push('returned');
          }
        })(),
      };
    });
    const wire = await harness.dial(scheme);
    wire.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await pause(30);
    wire.socket.destroy();
    await wire.until(() => (events.length === 2 ? 1 : -1)).catch(() => undefined);
    for (let i = 0; i < 100 && events.length < 2; i++) await pause(5);
    expect(events.toSorted()).toEqual(['abort', 'returned']);
  });
});

describe('request bodies', () => {
  it('ends with timeout when the client stalls, and with incomplete-body when it ends early or goes', async () => {
    const kinds: string[] = [];
    await start(async (request) => {
      try {
        return text(await readBody(request));
      } catch (error) {
        kinds.push(toStoreError(error, 'test').kind);
        return text('no', 400);
      }
    });
    const head = 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n';
    const stalled = await harness.dial('http');
    stalled.send(`${head}12`);
    expect((await stalled.reply()).status).toBe(400);
    const ended = await harness.dial('http');
    ended.send(`${head}12`);
    ended.socket.end();
    expect((await ended.reply()).status).toBe(400);
    await ended.end();
    const gone = await harness.dial('http');
    gone.send(`${head}12`);
    await pause(20);
    gone.socket.destroy();
    const malformed = await harness.dial('http');
    malformed.send(
      'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n',
    );
    expect((await malformed.reply()).status).toBe(400);
    await malformed.end();
    await pause(30);
    expect(kinds).toEqual(['timeout', 'incomplete-body', 'incomplete-body', 'invalid-argument']);
    stalled.socket.destroy();
  });

  it('are whole although something else follows them', async () => {
    await start(async (request) => {
      // The parser meets what follows before anybody asks for the body.
      await pause(30);
      return text(await readBody(request));
    });
    const wire = await harness.dial('http');
    wire.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nbar');
    const reply = await wire.reply();
    expect([reply.status, reply.body]).toEqual([200, 'ba']);
    await wire.end();
  });

  it('are read also under an expectation that nobody knows', async () => {
    await start(async (request) => text(await readBody(request)));
    const wire = await harness.dial('http');
    wire.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 200\r\n\r\nok');
    const reply = await wire.reply();
    expect([reply.status, reply.body]).toEqual([200, 'ok']);
    wire.socket.destroy();
  });

  it('survives a slow client whose silences are short', async () => {
    await start(async (request) => text(await readBody(request)), { bodyIdleMillis: 1500 });
    const wire = await harness.dial('http');
    wire.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n');
    // Two seconds in all, each silence far below the limit: a busy machine must not fail this.
    for (let i = 0; i < 10; i++) {
      await pause(200);
      wire.send(String(i));
    }
    expect((await wire.reply()).body).toBe('0123456789');
    wire.socket.destroy();
  });

  /** For tests in which nobody is slow on purpose, on machines that are. */
  const patient = { bodyIdleMillis: 30_000, socketIdleMillis: 30_000 };

  it('pushes back on a fast client', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    await start(async (request) => {
      const iterator = request.body()[Symbol.asyncIterator]();
      let size = (await iterator.next()).value?.length ?? 0;
      await gate;
      for (let step = await iterator.next(); step.done !== true; step = await iterator.next())
        size += step.value.length;
      return text(String(size));
    }, patient);
    const wire = await harness.dial('http');
    const total = 32 * 1_048_576;
    wire.send(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`);
    wire.send(new Uint8Array(total));
    await pause(100);
    expect(wire.socket.writableLength).toBeGreaterThan(0);
    release();
    expect((await wire.reply()).body).toBe(String(total));
    wire.socket.destroy();
  });
});

describe.each(['http', 'https'] as const)('Expect: 100-continue over %s', (scheme) => {
  const put = (path: string, extra = ''): string =>
    `PUT ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n${extra}\r\n`;
  const handle = async (request: HttpRequest): Promise<HttpReply> => {
    if (request.path === '/slow-no') await pause(100);
    return request.path.endsWith('no') ? text('no', 404) : text(await readBody(request));
  };

  it('continues for an empty body too: some clients misread what follows a success without it', async () => {
    await start(handle);
    const wire = await harness.dial(scheme);
    const empty =
      'PUT /yes HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n';
    for (let round = 0; round < 2; round++) {
      wire.send(empty);
      expect((await wire.reply()).status).toBe(100);
      expect(await wire.reply()).toMatchObject({ status: 200, body: '' });
    }
    wire.socket.destroy();
  });

  it('continues at the first read', async () => {
    await start(handle);
    const wire = await harness.dial(scheme);
    wire.send(put('/yes'));
    expect((await wire.reply()).status).toBe(100);
    wire.send('12345');
    expect(await wire.reply()).toMatchObject({ status: 200, body: '12345' });
    wire.socket.destroy();
  });

  it('sends an error instead, and the connection serves on', async () => {
    await start(handle);
    const wire = await harness.dial(scheme);
    for (let i = 0; i < 3; i++) {
      wire.send(put('/no'));
      const refusal = await wire.reply();
      expect(refusal.status).toBe(404);
      expect(refusal.headers['connection']).toBeUndefined();
      wire.send(put('/yes'));
      expect((await wire.reply()).status).toBe(100);
      wire.send('12345');
      expect((await wire.reply()).body).toBe('12345');
    }
    wire.socket.destroy();
  });

  it('closes when the client sent its body, was kept waiting, or a proxy stands between', async () => {
    await start(handle, { expectGraceMillis: 50 });
    for (const request of [`${put('/no')}12345`, put('/slow-no'), put('/no', 'Via: 1.1 p\r\n')]) {
      const wire = await harness.dial(scheme);
      wire.send(request);
      const reply = await wire.reply();
      expect(reply.status).toBe(404);
      if (reply.headers['connection'] === undefined) {
        // The whole body had come with the head: the connection is in step and stays.
        wire.send(put('/no'));
        expect((await wire.reply()).status).toBe(404);
        wire.socket.destroy();
      } else {
        expect(reply.headers['connection']).toBe('close');
        await wire.end();
        wire.socket.destroy();
      }
    }
  });
});

describe('early replies to unread uploads', () => {
  const refuse = async (): Promise<HttpReply> => text('too large', 413);

  it('reads a small rest away and keeps the connection', async () => {
    await start(refuse);
    const wire = await harness.dial('http');
    wire.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n');
    expect((await wire.reply()).status).toBe(413);
    wire.send(new Uint8Array(200_000));
    wire.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n');
    expect((await wire.reply()).headers['connection']).toBeUndefined();
    wire.socket.destroy();
  });

  it.each(['http', 'https'] as const)(
    'answers a huge one and closes without losing the reply (%s)',
    async (scheme) => {
      await start(refuse);
      const wire = await harness.dial(scheme);
      wire.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000000\r\n\r\n');
      wire.send(new Uint8Array(100_000));
      const reply = await wire.reply();
      expect(reply).toMatchObject({ status: 413, body: 'too large' });
      expect(reply.headers['connection']).toBe('close');
      await wire.end();
      expect(wire.error).toBeUndefined();
      wire.socket.destroy();
    },
  );

  it('cuts a client that goes on sending', async () => {
    await start(refuse);
    const wire = await harness.dial('http');
    wire.send('PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    expect((await wire.reply()).status).toBe(413);
    const chunk = Buffer.concat([
      Buffer.from('10000\r\n'),
      new Uint8Array(65_536),
      Buffer.from('\r\n'),
    ]);
    for (let i = 0; i < 200 && !wire.socket.destroyed; i++) {
      wire.send(chunk);
      await pause(1);
    }
    expect(wire.socket.destroyed || wire.closed).toBe(true);
  });
});

describe('stopping', () => {
  it('finishes what is in flight, refuses new connections, closes idle ones', async () => {
    await start(async (request) => {
      await pause(100);
      return text(request.path);
    });
    const idle = await harness.dial('http');
    idle.send('GET /first HTTP/1.1\r\nHost: a\r\n\r\n');
    await idle.reply();
    const busy = await harness.dial('https');
    busy.send('GET /busy HTTP/1.1\r\nHost: a\r\n\r\n');
    await pause(30);
    const closed = harness.listening.close();
    const reply = await busy.reply();
    expect(reply.body).toBe('/busy');
    expect(reply.headers['connection']).toBe('close');
    await idle.end();
    await closed;
    await expect(harness.dial('http')).rejects.toThrow();
  });

  it('cuts what does not end in time', async () => {
    await start(() => new Promise(() => undefined), { shutdownMillis: 50 });
    const wire = await harness.dial('http');
    wire.send('GET /never HTTP/1.1\r\nHost: a\r\n\r\n');
    await pause(20);
    await harness.listening.close();
    await wire.end();
    expect(harness.warnings).toEqual(['http.stop-cut']);
  });

  it('says which port is taken', async () => {
    await start(echo);
    const { listen } = await import('../../../server/http/listen.ts');
    const { systemClock } = await import('../../../base/clock.ts');
    const { silentLogger } = await import('../../../base/log.ts');
    const { testLimits } = await import('./front-harness.ts');
    const port = Number(new URL(harness.listening.httpUrl ?? '').port);
    const door = { handle: echo };
    const again = listen({
      http: { host: '127.0.0.1', port },
      doors: { s3: door, swift: door },
      admin: () => undefined,
      hostSuffixes: [],
      limits: testLimits,
      clock: systemClock,
      logger: silentLogger,
      observe: () => undefined,
    });
    await expect(again).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });
});
