/** Encryption with boto3, over http and https; the checks are in test/process/suites/sealed-objects.py. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { installPythonTools, runTool } from '../../process/python-tools.ts';
import { ServerProcess } from '../../process/server.ts';

const server = new ServerProcess();
beforeAll(async () => {
  installPythonTools();
  const config = join(server.data, '..', 'config.json');
  writeFileSync(config, JSON.stringify({ serviceKeys: ['one', 'two'] }));
  await server.start(['--config', config]);
}, 300_000);
afterAll(() => server.remove());

const checks = ['sizes', 'parts', 'copies', 'refusals', 'defaults', 'presigned', 'update'];

it.each(['http', 'https'])('boto3 over %s', { timeout: 300_000 }, async (scheme) => {
  const { accessKeyId, secretAccessKey } = server.credentials;
  const url = scheme === 'http' ? server.httpUrl : server.httpsUrl;
  const script = join(import.meta.dirname, '..', '..', 'process', 'suites', 'sealed-objects.py');
  const bucket = `boto3-sse-${scheme}`;
  const args = [script, url, accessKeyId, secretAccessKey, bucket];
  const printed = await runTool('python', args, {});
  expect(printed.trim().split('\n')).toEqual(checks.map((name) => `ok ${name}`));
});
