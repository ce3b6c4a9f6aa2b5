/**
 * Large objects in segments as OpenStack's own clients make them: python-swiftclient over 5 GiB, openstacksdk
 * 2 GiB, read back with the same client and compared by digest. Nothing of them is left when they are deleted.
 */
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { installClients, openstackPython } from '../openstack/packages.ts';
import { commandClient, outputOf, start } from '../process/tools/piped-command.ts';
import { roundTrip } from '../process/tools/round-trip.ts';
import { installPythonTools, runTool, toolPath } from '../process/python-tools.ts';
import { ServerProcess } from '../process/server.ts';

const MiB = 1_048_576;
/** Over 5 GiB, the most that one PUT may carry, and no multiple of a segment. */
const clientBytes = Number(process.env['LONG_BYTES'] ?? 5 * 1024 * MiB + 12_345_679);
const sdkBytes = Number(process.env['LONG_BYTES'] ?? 2 * 1024 * MiB + 1);
const segmentBytes = (size: number): number => Math.ceil(size / 8 / MiB) * MiB;

const server = new ServerProcess();
beforeAll(async () => {
  installPythonTools();
  installClients('core');
  await server.start();
}, 600_000);
afterAll(() => server.remove());

function login(): { readonly url: string; readonly user: string; readonly key: string } {
  const { account, user, password } = server.credentials;
  return { url: `${server.httpUrl}/auth/v1.0`, user: `${account}:${user}`, key: password };
}

function expectRoom(size: number): void {
  const { bavail, bsize } = statfsSync(tmpdir());
  expect(bavail * bsize, 'free bytes').toBeGreaterThan(2.6 * size);
}

it(`python-swiftclient gets back ${clientBytes} bytes in static segments`, async () => {
  const { url, user, key } = login();
  const auth = ['-A', url, '-U', user, '-K', key];
  const segments = ['--segment-size', String(segmentBytes(clientBytes)), '--use-slo'];
  const put = [...auth, 'upload', 'client', '-', '--object-name', 'large', ...segments];
  const get = [...auth, 'download', 'client', 'large', '-o', '-'];
  expectRoom(clientBytes);
  await roundTrip(
    'python-swiftclient',
    clientBytes,
    commandClient(toolPath('swift'), { put, get }, {}),
  );
  const shown = await runTool('swift', [...auth, 'stat', 'client', 'large'], {});
  expect(shown).toMatch(/X-Static-Large-Object: True/i);
  expect(shown).toMatch(new RegExp(`Content Length: ${clientBytes}\\b`));
  await runTool('swift', [...auth, 'delete', 'client', 'large'], {});
  expect(await runTool('swift', [...auth, 'list', 'client_segments'], {})).toBe('');
}, 3_600_000);

it(`openstacksdk gets back ${sdkBytes} bytes in static segments`, async () => {
  const { url, user, key } = login();
  const env = { AUTH_URL: url, AUTH_USER: user, AUTH_KEY: key };
  const script = join(import.meta.dirname, 'sdk-stream.py');
  // Beside the server's data: it goes with them.
  const file = join(server.data, '..', 'body');
  const put = [script, 'put', 'sdk', 'large', file, String(segmentBytes(sdkBytes))];
  const client = commandClient(openstackPython, { put, get: [script, 'get', 'sdk', 'large'] }, env);
  expectRoom(sdkBytes);
  await roundTrip('openstacksdk', sdkBytes, client);
  const left = outputOf(start(openstackPython, [script, 'delete', 'sdk', 'large'], env));
  const printed: Uint8Array[] = [];
  for await (const chunk of left) printed.push(chunk);
  expect(Buffer.concat(printed).toString()).toBe('[]\n');
}, 3_600_000);
