/** The only place that constructs things: settings in, a running server out. */
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { createLogger, type Logger } from '../base/log.ts';
import type { Disk } from '../base/disk.ts';
import { NodeDisk } from '../base/node-disk.ts';
import { type Random, systemRandom } from '../base/random.ts';
import { createAdmin } from './admin/admin.ts';
import { openControl } from './admin/control.ts';
import { type Cell, openCell } from './cell/cell.ts';
import { LevelFolder, lockFolder } from './cell/level-folder.ts';
import type { MemberOptions } from './cell/membership.ts';
import { openCluster, withLaterFolders } from './cell/open-cluster.ts';
import type { DeviceFolder } from './cell/open-device.ts';
import { openNodeFolder } from './cluster/join.ts';
import { keepMapCopy } from './cluster/map-copy.ts';
import { openNode } from './cluster/open-node.ts';
import {
  type Credentials,
  loadOrCreateCredentials,
  loadOrCreateSecret,
  userOf,
} from './config/credentials.ts';
import { accessLogBounds, cellSettingsOf, httpLimits, maxBodyBytes } from './config/defaults.ts';
import type { Settings } from './config/settings.ts';
import { createUserDirectory } from './config/users.ts';
import { createCore } from './core/core.ts';
import type { Hasher } from './core/digest/hasher.ts';
import type { Keys } from './core/encryption/key-ports.ts';
import { openFeeds } from './feeds/open-feeds.ts';
import { ThreadedHasher } from './hashing/threaded-hasher.ts';
import type { DoorRules } from './http/dispatch.ts';
import type { Door } from './http/exchange.ts';
import { type Address, type Listening, listen } from './http/listen.ts';
import { keysForServer, makeKeys } from './keys/open-keys.ts';
import { createKeystone } from './keystone/keystone.ts';
import { createS3Dialect } from './s3/access/dialect.ts';
import { replicationWorkers } from './replication/open-replication.ts';
import { ReplicationStores } from './replication/targets.ts';
import { QueueReader } from './work/queue.ts';
import { Reporter } from './work/reporter.ts';
import type { Coordinator } from '../storage/shard/coordinator.ts';
import { createS3Door, type S3DoorOptions } from './s3/door.ts';
import { writeInventory } from './s3/inventory/report.ts';
import { AccessLog } from './s3/logging/access-log.ts';
import { createEventRenderer } from './s3/notification/record.ts';
import { swiftDialect } from './swift/access/dialect.ts';
import { ClusterClient } from './container-sync/cluster-client.ts';
import { syncWorkers } from './container-sync/open-sync.ts';
import { createSwiftDoor, swiftPathsOf } from './swift/door.ts';
import { loadOrCreateCertificate } from './tls/certificate.ts';

export const version = '0.1.0';

export interface RunningServer {
  readonly httpUrl: string | undefined;
  readonly httpsUrl: string | undefined;
  /** Set at the first start only: shown once. */
  readonly newCredentials: Credentials | undefined;
  /** Devices that do not serve, and why. */
  readonly degraded: readonly string[];
  /** Finishes requests in flight, syncs, closes. */
  stop(): Promise<void>;
}

function parseAddress(text: string): Address | undefined {
  if (text === 'off') return undefined;
  const colon = text.lastIndexOf(':');
  return {
    host: text.slice(0, colon).replace(/^\[|\]$/g, ''),
    port: Number(text.slice(colon + 1)),
  };
}

interface PortParts {
  readonly cell: Cell;
  readonly keys: Keys;
  readonly logger: Logger;
  readonly hasher: Hasher;
  readonly certificate: OpenMap['certificate'];
}

interface OpenPorts {
  readonly listening: Listening;
  readonly newCredentials: Credentials | undefined;
  /** Delivers what only memory holds: after the last request. */
  readonly closeLogs: () => Promise<void>;
  /** What outlives the workers. */
  readonly closeTargets: () => Promise<void>;
}

async function openPorts(settings: Settings, parts: PortParts): Promise<OpenPorts> {
  const { cell, keys, logger, hasher, certificate } = parts;
  const dataDisk = new NodeDisk(resolve(settings.data));
  const { keystone } = settings;
  const configured = settings.users.length > 0 || keystone !== undefined;
  const made = configured ? undefined : await loadOrCreateCredentials(dataDisk, systemRandom);
  const users = createUserDirectory(
    made === undefined ? settings.users : [userOf(made.credentials)],
  );
  const [clock, random] = [systemClock, systemRandom];
  const { rows, bodies } = cell;
  const { region } = settings;
  const feeds = openFeeds({
    ...{ shards: cell.work, targets: settings.targets, clock, logger },
    render: createEventRenderer(users, region),
  });
  const wake = feeds.workers.map((worker) => cell.workers.add(worker));
  const core = createCore({
    ...{ rows, bodies, clock, random, logger, hasher, keys },
    storageClasses: cell.storageClasses,
    dialects: [createS3Dialect(users), swiftDialect],
    limits: { maxBodyBytes },
    readOnly: settings.readOnly,
    onEvent: () => {
      for (const one of wake) one();
    },
  });
  const { targets, source } = feeds;
  const stores = new ReplicationStores(settings.replicationTargets, clock);
  const clusters = new ClusterClient(clock, settings.swift.sync.ca);
  const beside = { stores, clusters, source, core, cell, clock, random, logger };
  wake.push(...addWorkers(settings, beside));
  const identity = keystone === undefined ? undefined : createKeystone(keystone, clock, logger);
  const shared = { core, users, identity, clock, random, logger };
  const { s3, accessLog } = openS3(settings, { ...shared, targets, replication: stores });
  const tokenSecret = await loadOrCreateSecret(dataDisk, random);
  const swift = createSwiftDoor({ ...shared, tokenSecret, version, settings: settings.swift });
  const admin = createAdmin({
    ...{ cell, version, feeds: source, accessLog, certificate },
    ...{ now: () => clock.now(), statsd: settings.statsd },
  });
  const https = parseAddress(settings.https);
  const listening = await listen({
    http: parseAddress(settings.http),
    https:
      https === undefined
        ? undefined
        : { ...https, ...(await loadOrCreateCertificate(dataDisk, clock.now())) },
    doors: { s3, swift },
    admin: (request, response) => admin.handle(request, response),
    ...doorRulesOf(settings),
    limits: httpLimits,
    clock,
    logger,
    observe: (served) => admin.observe(served),
  });
  return {
    listening,
    newCredentials: made?.created === true ? made.credentials : undefined,
    closeLogs: () => accessLog.close(),
    closeTargets: async () => {
      stores.close();
      clusters.close();
      admin.close();
      await targets.close();
    },
  };
}

function doorRulesOf({ hostSuffixes, websiteSuffixes, swift }: Settings): DoorRules {
  return {
    hostSuffixes: [...hostSuffixes, ...websiteSuffixes],
    storageDomains: swift.remap.storageDomains,
    swiftPaths: swiftPathsOf(swift),
    listsEndpoints: swift.listEndpoints,
  };
}

/** Workers that need core. Returns what wakes those that follow commits. */
function addWorkers(
  settings: Settings,
  parts: Omit<Parameters<typeof replicationWorkers>[0], 'rows'> & {
    readonly cell: Cell;
    readonly clusters: ClusterClient;
    readonly random: Random;
  },
): readonly (() => void)[] {
  const { cell, core, clock, random, clusters } = parts;
  const { rows, workers, work } = cell;
  const dayMillis = settings.inventoryDaySeconds * 1000;
  const due = new QueueReader(work, clock, ['report']);
  workers.add(
    new Reporter(due, (report) => writeInventory({ core, clock, random, dayMillis }, report)),
  );
  const { send } = clusters;
  return [
    ...replicationWorkers({ ...parts, rows }),
    ...syncWorkers({ ...parts, rows, send, settings: settings.swift.sync }),
  ].map((worker) => workers.add(worker));
}

/** The S3 door, and what it tells beside its replies. */
function openS3(
  settings: Settings,
  parts: Omit<
    S3DoorOptions,
    | 'region'
    | 'regionAliases'
    | 'honoursAbsentTags'
    | 'countsInAttributes'
    | 'virtualHostSuffixes'
    | 'websiteSuffixes'
    | 'customerKeysOverHttp'
    | 'newBuckets'
    | 'reportDayMillis'
    | 'accessLog'
  >,
): { readonly s3: Door; readonly accessLog: AccessLog } {
  const { region, hostSuffixes, websiteSuffixes, customerKeysOverHttp } = settings;
  const flushMillis = settings.accessLogSeconds * 1000;
  const accessLog = new AccessLog({ ...parts, settings: { ...accessLogBounds, flushMillis } });
  const s3 = createS3Door({
    ...{ ...parts, region, websiteSuffixes, customerKeysOverHttp, accessLog },
    regionAliases: settings.s3.regionAliases,
    honoursAbsentTags: settings.s3.ifNoneMatchTags === 'honoured',
    countsInAttributes: settings.s3.attributeChecksums === 'counted',
    virtualHostSuffixes: hostSuffixes,
    newBuckets: settings.newBuckets,
    reportDayMillis: settings.inventoryDaySeconds * 1000,
  });
  return { s3, accessLog };
}

interface OpenMap {
  readonly coordinator: Coordinator;
  readonly folders: readonly DeviceFolder[];
  /** Undefined on a single machine. */
  readonly member: MemberOptions | undefined;
  /** No client is served. */
  readonly isHidden: boolean;
  /** Of a node. */
  readonly certificate?: { readonly ends: number };
  /** Looks after what ends some day, and what may be lost; returns what stops that. */
  readonly watch: () => () => Promise<void>;
}

const folderAt = (path: string): LevelFolder => new LevelFolder(path);

/** The cluster map: on this machine's own devices, or that of the cluster whose node it is, or becomes now. */
async function openMap(settings: Settings, data: Disk, logger: Logger): Promise<OpenMap> {
  const machine = { disk: data, clock: systemClock, random: systemRandom };
  const own = await openNodeFolder(settings.cluster, machine);
  const paths = own?.node.role === 'proxy' ? [] : settings.devices;
  const configured = paths.map((path) => new LevelFolder(resolve(path)));
  const folders = await withLaterFolders(configured, folderAt);
  if (own !== undefined) {
    const opened = await openNode(own, configured, { ...machine, logger, release: version });
    const watch = () => {
      const endRenewal = opened.certificate.start();
      const endCopies = keepMapCopy(opened.coordinator, { ...machine, logger });
      return () => {
        endRenewal();
        return endCopies();
      };
    };
    return { ...opened, folders: configured, isHidden: own.node.role === 'storage', watch };
  }
  const { clock, random } = machine;
  const keyOptions = { ...machine, logger, region: settings.region };
  const coordinator = await openCluster({
    ...{ data, folders, policies: settings.policies, random, now: clock.now() },
    makeKeys: () => makeKeys(keyOptions, settings),
  });
  const watch = () => async (): Promise<void> => undefined;
  return { coordinator, folders, member: undefined, isHidden: false, watch };
}

/** Throws StoreError with a sentence for the operator when it cannot start. */
export async function startServer(settings: Settings): Promise<RunningServer> {
  const logger = createLogger(settings.logLevel);
  await mkdir(settings.data, { recursive: true, mode: 0o700 });
  const unlock = await lockFolder(resolve(settings.data));
  const data = new NodeDisk(resolve(settings.data));
  const machine = { clock: systemClock, random: systemRandom, logger };
  const keyOptions = { ...machine, disk: data, region: settings.region };
  let cell: Cell | undefined;
  try {
    const { coordinator, folders, member, ...map } = await openMap(settings, data, logger);
    const { keyRing } = coordinator.current();
    const { opened: openedKeys, keys } = await keysForServer(keyOptions, settings, keyRing);
    cell = await openCell({
      ...{ ...machine, coordinator, folders, folderAt, storageClasses: settings.storageClasses },
      settings: cellSettingsOf(settings),
      ...(member === undefined ? {} : { member }),
    });
    // One core is the event loop's; more than four threads were never seen busy.
    const hasher = new ThreadedHasher(Math.min(4, availableParallelism() - 1));
    const doors = map.isHidden ? ({ http: 'off', https: 'off' } as const) : {};
    const { certificate } = map;
    const parts = { cell, keys, logger, hasher, certificate };
    const opening = await openPorts({ ...settings, ...doors }, parts);
    const { listening, newCredentials } = opening;
    const closeControl = await openControl({
      ...{ ...machine, cell, keys: openedKeys, data },
    });
    cell.workers.start();
    const opened = cell;
    const endWatch = map.watch();
    return {
      httpUrl: listening.httpUrl,
      httpsUrl: listening.httpsUrl,
      newCredentials,
      degraded: cell.away().map(({ path, reason }) => `${path}: ${reason}`),
      stop: async () => {
        await listening.close();
        await opening.closeLogs();
        await closeControl();
        await endWatch();
        await opened.close();
        await openedKeys.close();
        await opening.closeTargets();
        await hasher.close();
        await unlock();
      },
    };
  } catch (error) {
    await cell?.close();
    await unlock();
    throw error;
  }
}
