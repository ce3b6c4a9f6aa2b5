/** Certificates of nodes anew: for whom, by whom, and who is refused. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
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
import { createToken } from '../../../server/cluster/join.ts';
import {
  checkNodeFile,
  loadNodeFolder,
  type NodeFolder,
  writeNodeFolder,
} from '../../../server/cluster/node-folder.ts';
import { renewCertificate, watchCertificate } from '../../../server/cluster/renew.ts';
import { MapCoordinator } from '../../../server/coordinator/map-coordinator.ts';
import { writeNewMap } from '../../../server/coordinator/new-map.ts';
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

it('a certificate that ends within 90 days is told of every day', async () => {
  const clock = new SimClock();
  const authority = await authorityNow();
  const { own } = await makeFolder(authority, 'n2', clock.now() - 10 * years + 92.5 * day);
  const said: unknown[] = [];
  const logger = { ...silentLogger, warn: (fields: object) => said.push(fields) };
  const end = watchCertificate(own.identity.certificate, { clock, logger });
  await clock.advance(2 * day);
  expect(said).toEqual([]);
  await clock.advance(2 * day);
  expect(said).toMatchObject([
    { event: 'cluster.certificate-ends', days: 89 },
    { event: 'cluster.certificate-ends', days: 88 },
  ]);
  end();
  await clock.advance(5 * day);
  expect(said).toHaveLength(2);
});
