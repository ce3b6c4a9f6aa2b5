/** Certificates of nodes anew: for whom, by whom, and who is refused. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Clock, systemClock } from '../../../base/clock.ts';
import type { Disk } from '../../../base/disk.ts';
import { silentLogger } from '../../../base/log.ts';
import type { NetServer } from '../../../base/net.ts';
import { systemRandom } from '../../../base/random.ts';
import { TlsNet } from '../../../base/tls-net.ts';
import {
  type Authority,
  createAuthority,
  createKeyPair,
  signCertificate,
} from '../../../server/cluster/authority.ts';
import { createJoinServer } from '../../../server/cluster/join-server.ts';
import { joinProtocol } from '../../../server/cluster/join-wire.ts';
import { askSigner, createToken } from '../../../server/cluster/join.ts';
import {
  checkNodeFile,
  loadNodeFolder,
  type NodeFolder,
  writeNodeFolder,
} from '../../../server/cluster/node-folder.ts';
import { CertificateKeeper, renewCertificate } from '../../../server/cluster/renew.ts';
import { MapCoordinator } from '../../../server/coordinator/map-coordinator.ts';
import { writeNewMap } from '../../../server/coordinator/new-map.ts';
import type { ClusterMap } from '../../../storage/shard/coordinator.ts';
import { SimClock } from '../../sim/clock.ts';
import { alwaysReached, SimEngine } from '../../sim/cluster/engine.ts';
import { SimDisk } from '../../sim/disk.ts';
import { SeededRandom } from '../../sim/random.ts';

const day = 86_400_000;
const years = 365 * day;
const clusterId = 'ab'.repeat(16);
const machine = (disk: Disk) => ({ disk, clock: systemClock, random: systemRandom });

let server: NetServer | undefined;
let coordinator: MapCoordinator | undefined;

afterEach(async () => {
  await server?.close();
  await coordinator?.close();
});

interface Folder {
  readonly disk: SimDisk;
  readonly own: NodeFolder;
}

/** A node's data folder with a certificate that was made at `made`. */
async function makeFolder(authority: Authority, name: string, made: number): Promise<Folder> {
  const disk = new SimDisk({});
  const keys = await createKeyPair();
  const subject = { name, publicKey: keys.publicKey };
  const making = { random: systemRandom, now: made };
  const certificate = await signCertificate(authority, subject, making);
  const own: NodeFolder = {
    node: checkNodeFile({
      ...{ format: 1, clusterId, name, region: 'r1', zone: 'z1', role: 'all' },
      ...{ address: '127.0.0.1:1', listen: '127.0.0.1:1', etcd: ['http://127.0.0.1:1'] },
    }),
    identity: { authority: authority.certificate, certificate, key: keys.privateKey },
    authorityKey: name === 'n1' ? authority.privateKey : undefined,
  };
  await writeNodeFolder(disk, own);
  return { disk, own };
}

/** Node n1, which signs, over TLS; the map names n1 and n2. */
async function serveSigner(signer: Folder): Promise<void> {
  const engine = new SimEngine(systemClock, new SeededRandom(1)).client(alwaysReached);
  const nodes = ['n1', 'n2'].map((name, place) => ({
    ...{ name, address: `127.0.0.1:${place + 1}`, region: 'r1', zone: 'z1' },
  }));
  await writeNewMap(engine, {
    ...{ format: 1, clusterId, version: 1, policies: [], defaultPolicy: '', shards: [] },
    ...{ devices: [], nodes },
  });
  coordinator = await MapCoordinator.open({ engine, clock: systemClock, logger: silentLogger });
  if (coordinator === undefined) throw new Error('there is no map');
  const accept = createJoinServer({
    ...{ disk: signer.disk, own: signer.own, coordinator },
    ...{ clock: systemClock, random: systemRandom, logger: silentLogger },
  });
  const net = new TlsNet(signer.own.identity);
  server = await net.serve({ host: '127.0.0.1', port: 0, protocols: [joinProtocol], accept });
}

/** As `torc cluster token` prints it, but with the port that was free. */
async function tokenOf(signer: Folder): Promise<string> {
  const text = await createToken(machine(signer.disk), 1);
  const token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as object;
  const rest = { ...token, a: `127.0.0.1:${server?.port}` };
  return Buffer.from(JSON.stringify(rest)).toString('base64url');
}

async function authorityNow(): Promise<Authority> {
  return createAuthority(clusterId, { random: systemRandom, now: Date.now() - 20 * years });
}

describe('a certificate anew', () => {
  it('comes from the own authority on the node that signs', async () => {
    const { disk, own } = await makeFolder(await authorityNow(), 'n1', Date.now() - 9.9 * years);
    const ends = await renewCertificate(undefined, machine(disk));
    expect(ends).toBeGreaterThan(Date.now() + 9 * years);
    const { identity } = (await loadNodeFolder(disk)) ?? own;
    const made = new X509Certificate(identity.certificate);
    expect(identity.key).toBe(own.identity.key);
    expect(made.checkPrivateKey(createPrivateKey(identity.key))).toBe(true);
    expect(made.validToDate.getTime()).toBe(ends);
  });

  it('comes from the node that signs, by a token, also when the old one has ended', async () => {
    const authority = await authorityNow();
    const signer = await makeFolder(authority, 'n1', Date.now());
    const { disk, own } = await makeFolder(authority, 'n2', Date.now() - 11 * years);
    await serveSigner(signer);
    const token = await tokenOf(signer);
    expect(await renewCertificate(token, machine(disk))).toBeGreaterThan(Date.now() + 9 * years);
    const { identity } = (await loadNodeFolder(disk)) ?? own;
    const made = new X509Certificate(identity.certificate);
    expect(made.subject).toBe('CN=n2');
    expect(made.checkPrivateKey(createPrivateKey(own.identity.key))).toBe(true);
    // A token is good once.
    await expect(renewCertificate(token, machine(disk))).rejects.toThrow(/not good/);
  });

  it('is not given to another key, another name, or a node that is gone', async () => {
    const authority = await authorityNow();
    const signer = await makeFolder(authority, 'n1', Date.now());
    await serveSigner(signer);
    const foreign = await makeFolder(await authorityNow(), 'n2', Date.now());
    await writeNodeFolder(foreign.disk, {
      ...foreign.own,
      identity: { ...foreign.own.identity, authority: authority.certificate },
    });
    const byForeign = renewCertificate(await tokenOf(signer), machine(foreign.disk));
    await expect(byForeign).rejects.toThrow(/no certificate that the cluster gave to node n2/);
    const gone = await makeFolder(authority, 'n3', Date.now());
    const byGone = renewCertificate(await tokenOf(signer), machine(gone.disk));
    await expect(byGone).rejects.toThrow(/does not know node n3/);
    const stolen = await makeFolder(authority, 'n2', Date.now());
    const other = await makeFolder(authority, 'n2', Date.now());
    const identity = { ...stolen.own.identity, key: other.own.identity.key };
    await writeNodeFolder(stolen.disk, { ...stolen.own, identity });
    const byThief = renewCertificate(await tokenOf(signer), machine(stolen.disk));
    await expect(byThief).rejects.toThrow(/no certificate that the cluster gave/);
  });

  it('needs a token where nothing is signed, and one of this cluster', async () => {
    const { disk } = await makeFolder(await authorityNow(), 'n2', Date.now());
    await expect(renewCertificate(undefined, machine(disk))).rejects.toThrow(/token/);
    const elsewhere = await makeFolder(await authorityNow(), 'n1', Date.now());
    const token = await createToken(machine(elsewhere.disk), 1);
    await expect(renewCertificate(token, machine(disk))).rejects.toThrow(/another cluster/);
  });
});

interface Keeping {
  readonly keeper: CertificateKeeper;
  readonly net: TlsNet;
  readonly warned: object[];
}

function keeperOf({ disk, own }: Folder, clock: Clock): Keeping {
  const warned: object[] = [];
  const logger = { ...silentLogger, warn: (fields: object) => warned.push(fields) };
  const net = new TlsNet(own.identity);
  const nodes = ['n1', 'n2'].map((name) => ({
    ...{ name, region: 'r1', zone: 'z1', address: `127.0.0.1:${server?.port ?? 1}` },
  }));
  const empty = { policies: [], devices: [], shards: [], defaultPolicy: '' };
  const map = (): ClusterMap => ({ ...{ format: 1, clusterId, version: 1, nodes }, ...empty });
  const options = { disk, own, net, map, clock, random: systemRandom, logger };
  return { keeper: new CertificateKeeper(options), net, warned };
}

describe('a node that runs', () => {
  it('that signs renews its certificate in the last 90 days', async () => {
    const clock = new SimClock();
    const authority = await authorityNow();
    const folder = await makeFolder(authority, 'n1', clock.now() - 10 * years + 92.5 * day);
    const { keeper, warned } = keeperOf(folder, clock);
    const before = keeper.ends;
    const end = keeper.start();
    await clock.advance(2 * day);
    expect(keeper.ends).toBe(before);
    await clock.advance(day);
    await vi.waitFor(() => expect(keeper.ends).toBeGreaterThan(before + 9 * years));
    const { identity } = (await loadNodeFolder(folder.disk)) ?? folder.own;
    expect(new X509Certificate(identity.certificate).validToDate.getTime()).toBe(keeper.ends);
    expect(warned).toEqual([]);
    end();
  });

  it('asks the node that signs, as who it is, and shows the new certificate from then on', async () => {
    const authority = await authorityNow();
    const signer = await makeFolder(authority, 'n1', Date.now());
    await serveSigner(signer);
    const folder = await makeFolder(authority, 'n2', Date.now() - 10 * years + 80 * day);
    const { keeper, net, warned } = keeperOf(folder, systemClock);
    const listening = await net.serve({
      ...{ host: '127.0.0.1', port: 0, protocols: ['test'], accept: (stream) => stream.end() },
    });
    await keeper.check();
    expect(warned).toEqual([]);
    expect(keeper.ends).toBeGreaterThan(Date.now() + 9 * years);
    const { identity } = (await loadNodeFolder(folder.disk)) ?? folder.own;
    expect(identity.key).toBe(folder.own.identity.key);
    const shown = connect({
      ...{ host: '127.0.0.1', port: listening.port, ca: authority.certificate },
      ...{ servername: 'n2', ALPNProtocols: ['test'] },
    });
    await once(shown, 'secureConnect');
    const { valid_to: ends } = shown.getPeerCertificate();
    expect(Date.parse(ends)).toBe(keeper.ends);
    shown.destroy();
    await listening.close();
  });

  it('gets nothing in the name of another one', async () => {
    const authority = await authorityNow();
    await serveSigner(await makeFolder(authority, 'n1', Date.now()));
    const { own } = await makeFolder(authority, 'n2', Date.now());
    const other = await makeFolder(authority, 'n3', Date.now());
    const publicKey = createPublicKey(own.identity.key).export({ format: 'pem', type: 'spki' });
    const { name, region, zone, role, address } = own.node;
    const request = {
      ...{ secret: '', name, region, zone, role, address, renews: own.identity.certificate },
      publicKey: publicKey.toString(),
    };
    const port = server?.port ?? 0;
    const signer = { address: `127.0.0.1:${port}`, node: 'n1', authority: authority.certificate };
    const asked = askSigner(signer, request, systemClock, new TlsNet(other.own.identity));
    await expect(asked).rejects.toThrow(/token is not good/);
    const asItself = askSigner(signer, request, systemClock, new TlsNet(own.identity));
    expect((await asItself).files).toEqual({});
  });

  it('is told every day what stands in the way: here that another key asks in its name', async () => {
    const clock = new SimClock();
    const authority = await authorityNow();
    const signer = await makeFolder(authority, 'n1', Date.now());
    await serveSigner(signer);
    const n2 = await makeFolder(authority, 'n2', Date.now() - 10 * years + 80 * day);
    const thief = await makeFolder(authority, 'n2', Date.now());
    const identity = { ...thief.own.identity, certificate: n2.own.identity.certificate };
    const { keeper, warned } = keeperOf({ ...n2, own: { ...n2.own, identity } }, systemClock);
    await keeper.check();
    const event = 'cluster.certificate-ends';
    expect(warned).toMatchObject([{ event, days: 79 }]);
    // Nobody answers at all.
    await server?.close();
    server = undefined;
    const made = clock.now() - 10 * years + 92.5 * day;
    const alone = keeperOf(await makeFolder(authority, 'n3', made), clock);
    const end = alone.keeper.start();
    await clock.advance(3 * day);
    await vi.waitFor(() => expect(alone.warned).toMatchObject([{ event, days: 89 }]));
    await clock.advance(day);
    await vi.waitFor(() => expect(alone.warned).toHaveLength(2));
    end();
  });
});
