/** What `torc ring` asks a running server for: changes of devices, planned or applied, and how far they are. */
import { StoreError } from '../../base/errors.ts';
import type { DeviceId } from '../../base/units.ts';
import type { ClusterMap, DeviceState } from '../../storage/shard/coordinator.ts';
import type { RingChanges } from './change.ts';
import { describePlan, describeProgress } from './describe.ts';
import type { DeviceChange } from './plan.ts';
import type { Rebalancer } from './rebalancer.ts';
import type { Policy } from '../proxy/placement.ts';

export interface RingOperator {
  readonly changes: RingChanges;
  readonly rebalancer: Rebalancer;
  readonly map: () => ClusterMap;
  readonly policies: () => readonly Policy[];
  /** Undefined on a single machine: its devices say it. */
  readonly node: string | undefined;
}

/** Answers a call; undefined when it is none of rings. Throws StoreErrors with sentences for the operator. */
export async function answerRingCall(
  operator: RingOperator,
  path: string,
  parameters: URLSearchParams,
): Promise<string | undefined> {
  const { changes } = operator;
  const allowsLess = parameters.get('allow-less') === 'yes';
  switch (path) {
    case '/ring/plan':
      return describePlan(changes.plan(changesIn(operator, parameters), allowsLess));
    case '/ring/change': {
      const wanted = changesIn(operator, parameters);
      const plan = changes.plan(wanted, allowsLess);
      const devices = await changes.apply(wanted, allowsLess);
      const who = `device${devices.length > 1 ? 's' : ''} ${devices.join(', ')}`;
      return `${describePlan(plan)}\n\nThe change of ${who} has begun; torc ring status tells how far it is.`;
    }
    case '/ring/status':
      return describeProgress(operator.policies(), operator.map(), operator.rebalancer);
    default:
      return undefined;
  }
}

function changesIn(operator: RingOperator, parameters: URLSearchParams): readonly DeviceChange[] {
  const type = parameters.get('type') ?? '';
  if (type === 'add')
    return parameters.getAll('folder').map((one) => addIn(operator, one, parameters));
  const devices = devicesIn(operator, parameters);
  switch (type) {
    case 'remove':
      return devices.map((device) => ({ type, device }));
    case 'drain':
      return devices.map((device) => ({ type: 'weight', device, weight: 0 }));
    case 'set-weight': {
      const weight = numberIn(parameters, 'weight');
      return devices.map((device) => ({ type: 'weight', device, weight }));
    }
    default:
      throw refusal(`there is no change "${type}"`);
  }
}

/** The folder is on this machine: it fails together with what is there already. */
function addIn(operator: RingOperator, path: string, parameters: URLSearchParams): DeviceChange {
  const { nodes, devices } = operator.map();
  const here =
    operator.node === undefined
      ? devices[0]
      : nodes
          ?.filter(({ name }) => name === operator.node)
          .map(({ name, region, zone }) => ({ node: name, region, zone }))[0];
  if (here === undefined) throw refusal('this machine is no node of the cluster');
  const { node, region, zone } = here;
  if (!path.startsWith('/')) throw refusal('a folder is named by its whole path');
  return { type: 'add', at: { node, region, zone, path }, weight: numberIn(parameters, 'weight') };
}

function devicesIn(operator: RingOperator, parameters: URLSearchParams): readonly DeviceId[] {
  const map = operator.map();
  const node = parameters.get('node');
  const named = parameters.getAll('device').map((name) => findDevice(map, name, operator.node).id);
  if (node === null && named.length === 0) throw refusal('no device is named');
  if (node === null) return named;
  const own = map.devices.filter((device) => device.node === node);
  if (own.length === 0) throw refusal(`node ${node} has no devices`);
  return [...named, ...own.map(({ id }) => id)];
}

/** By number, by folder, by the folder's last name, or `NODE:` and the folder. Of several that of `node`, where that is one. */
export function findDevice(
  { devices }: ClusterMap,
  name: string,
  node: string | undefined,
): DeviceState {
  const found = devices.filter((device) =>
    [String(device.id), device.path, lastName(device), `${device.node}:${device.path}`].includes(
      name,
    ),
  );
  const here = found.filter((device) => device.node === node);
  const [only, ...others] = here.length === 1 ? here : found;
  if (only !== undefined && others.length === 0) return only;
  throw refusal(`"${name}" does not name one device`);
}

function lastName({ path }: DeviceState): string {
  return path.split('/').at(-1) ?? path;
}

function numberIn(parameters: URLSearchParams, name: string): number {
  const text = parameters.get(name) ?? '';
  const value = Number(text);
  if (text !== '' && Number.isFinite(value)) return value;
  throw refusal(`${name} is a number`);
}

function refusal(sentence: string): StoreError {
  return new StoreError('invalid-argument', 'ring.operator', sentence);
}
