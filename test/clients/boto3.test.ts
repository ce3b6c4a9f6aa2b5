/** boto3 from PyPI, over http and https; the checks are in test/process/suites/objects.py. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { installPythonTools, runTool } from '../process/python-tools.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
beforeAll(async () => {
  installPythonTools();
  await server.start();
}, 300_000);
afterAll(() => server.remove());

it.each([
  ['http', '10000', ['sizes', 'hostile keys', 'parts', 'expect', 'many']],
  ['https', '0', ['sizes', 'hostile keys', 'parts', 'expect']],
] as const)('boto3 over %s', { timeout: 300_000 }, async (scheme, many, checks) => {
  const { accessKeyId, secretAccessKey } = server.credentials;
  const url = scheme === 'http' ? server.httpUrl : server.httpsUrl;
  const script = join(import.meta.dirname, '..', 'process', 'suites', 'objects.py');
  const printed = await runTool(
    'python',
    [script, url, accessKeyId, secretAccessKey, `boto3-${scheme}`, many],
    {},
  );
  expect(printed.trim().split('\n')).toEqual(checks.map((name) => `ok ${name}`));
});
