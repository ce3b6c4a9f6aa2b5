/** The real network between machines: who may speak with whom. */
import { connect } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { isStoreError } from '../../../base/errors.ts';
import type { DialOptions, NetServer, NetStream } from '../../../base/net.ts';
import { systemRandom } from '../../../base/random.ts';
import { type NetIdentity, TlsNet } from '../../../base/tls-net.ts';
import {
  type Authority,
  createAuthority,
  createKeyPair,
  fingerprintOf,
  signCertificate,
} from '../../../server/cluster/authority.ts';

const making = { random: systemRandom, now: Date.now() };

async function identity(authority: Authority, name: string): Promise<NetIdentity> {
  const keys = await createKeyPair();
  const certificate = await signCertificate(authority, { name, publicKey: keys.publicKey }, making);
  return { authority: authority.certificate, certificate, key: keys.privateKey };
}

const servers: NetServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(net: TlsNet, accept: (stream: NetStream) => void): Promise<DialOptions> {
  const server = await net.serve({ host: '127.0.0.1', port: 0, protocols: ['torc/1'], accept });
  servers.push(server);
  const { port } = server;
  return { host: '127.0.0.1', port, name: 'node-b', protocol: 'torc/1', timeoutMillis: 2000 };
}

const kindOf = (error: unknown): string => (isStoreError(error) ? error.kind : String(error));

describe('streams over TLS', () => {
  it('carry bytes between nodes that know each other by name', async () => {
    const authority = await createAuthority('c', making);
    const names: (string | undefined)[] = [];
    const address = await serve(new TlsNet(await identity(authority, 'node-b')), (stream) => {
      names.push(stream.peerName);
      stream.listen({ data: (chunk) => stream.write([chunk]), closed: () => undefined });
    });
    const stream = await new TlsNet(await identity(authority, 'node-a')).dial(address);
    expect(stream.peerName).toBe('node-b');
    const sent = new Uint8Array(300_000).map((_, place) => place % 251);
    const back = await new Promise<Buffer>((resolve) => {
      const chunks: Uint8Array[] = [];
      let length = 0;
      stream.listen({
        data: (chunk) => {
          chunks.push(chunk);
          length += chunk.length;
          if (length === sent.length) resolve(Buffer.concat(chunks));
        },
        closed: () => undefined,
      });
      stream.write([sent.subarray(0, 7), sent.subarray(7)]);
    });
    expect(Buffer.compare(back, sent)).toBe(0);
    expect(names).toEqual(['node-a']);
    stream.destroy();
  });

  it('tell of the end, and flush what was written before', async () => {
    const authority = await createAuthority('c', making);
    let received = 0;
    const ended = new Promise<void>((resolve) => {
      void identity(authority, 'node-b').then(async (one) => {
        const address = await serve(new TlsNet(one), (stream) => {
          stream.listen({
            data: (chunk) => {
              received += chunk.length;
            },
            closed: () => resolve(),
          });
        });
        const stream = await new TlsNet(await identity(authority, 'node-a')).dial(address);
        stream.listen({ data: () => undefined, closed: () => undefined });
        stream.write([new Uint8Array(1_000_000)]);
        stream.end();
      });
    });
    await ended;
    expect(received).toBe(1_000_000);
  });

  it('are not made with a stranger, or with a node of another name', async () => {
    const authority = await createAuthority('c', making);
    const stranger = await createAuthority('c', making);
    const known = new TlsNet(await identity(authority, 'node-a'));
    const address = await serve(new TlsNet(await identity(authority, 'node-b')), () => undefined);
    expect(await known.dial({ ...address, name: 'node-c' }).catch(kindOf)).toBe('unavailable');
    expect(await known.dial({ ...address, protocol: 'http/1.1' }).catch(kindOf)).toBe(
      'unavailable',
    );
    const other = await serve(new TlsNet(await identity(stranger, 'node-b')), () => undefined);
    expect(await known.dial(other).catch(kindOf)).toBe('unavailable');
    expect(fingerprintOf(authority.certificate)).not.toBe(fingerprintOf(stranger.certificate));
  });

  it('trust no name that another authority, or none, vouches for', async () => {
    const authority = await createAuthority('c', making);
    const stranger = await createAuthority('c', making);
    const names: (string | undefined)[] = [];
    const address = await serve(new TlsNet(await identity(authority, 'node-b')), (stream) => {
      names.push(stream.peerName);
      stream.destroy();
    });
    const forged = await identity(stranger, 'node-a');
    const clients = [
      { cert: forged.certificate, key: forged.key },
      {},
      // The authority's own certificate is no node's.
      { cert: authority.certificate, key: authority.privateKey },
    ];
    for (const client of clients) {
      await new Promise<void>((resolve) => {
        const socket = connect({
          ...{ host: address.host, port: address.port, ca: authority.certificate, ...client },
          servername: 'node-b',
          ALPNProtocols: ['torc/1'],
        });
        socket.on('error', () => undefined);
        socket.on('close', () => resolve());
      });
    }
    expect(names.every((name) => name === undefined)).toBe(true);
  });

  it('need TLS 1.3', async () => {
    const authority = await createAuthority('c', making);
    const mine = await identity(authority, 'node-a');
    const address = await serve(new TlsNet(await identity(authority, 'node-b')), () => undefined);
    const outcome = await new Promise<string>((resolve) => {
      const socket = connect({
        ...{ host: address.host, port: address.port, servername: 'node-b' },
        ...{ ca: authority.certificate, cert: mine.certificate, key: mine.key },
        maxVersion: 'TLSv1.2',
        ALPNProtocols: ['torc/1'],
      });
      socket.on('secureConnect', () => resolve('connected'));
      socket.on('error', () => resolve('refused'));
    });
    expect(outcome).toBe('refused');
  });
});
