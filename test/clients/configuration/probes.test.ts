/** What Terraform and its like read of every bucket, by boto3: fresh buckets answer as Amazon's, set ones with what was set. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { installPythonTools, runTool } from '../../process/python-tools.ts';
import { ServerProcess } from '../../process/server.ts';

const server = new ServerProcess();
beforeAll(async () => {
  installPythonTools();
  const config = join(server.data, '..', 'config.json');
  const hook = { name: 'hook', type: 'webhook', url: 'http://127.0.0.1:9/' };
  writeFileSync(config, JSON.stringify({ targets: [hook] }));
  await server.start(['--config', config]);
}, 300_000);
afterAll(() => server.remove());

/** All others answer `ok`. */
const absent: Readonly<Record<string, string>> = {
  get_bucket_analytics_configuration: 'NoSuchConfiguration',
  get_bucket_cors: 'NoSuchCORSConfiguration',
  // Amazon encrypts every bucket; here one is that says so.
  get_bucket_encryption: 'ServerSideEncryptionConfigurationNotFoundError',
  get_bucket_intelligent_tiering_configuration: 'NoSuchConfiguration',
  get_bucket_inventory_configuration: 'NoSuchConfiguration',
  get_bucket_lifecycle: 'NoSuchLifecycleConfiguration',
  get_bucket_lifecycle_configuration: 'NoSuchLifecycleConfiguration',
  get_bucket_metadata_configuration: 'MetadataConfigurationNotFound',
  get_bucket_metadata_table_configuration: 'MetadataConfigurationNotFound',
  get_bucket_metrics_configuration: 'NoSuchConfiguration',
  get_bucket_policy: 'NoSuchBucketPolicy',
  get_bucket_replication: 'ReplicationConfigurationNotFoundError',
  get_bucket_tagging: 'NoSuchTagSet',
  get_bucket_website: 'NoSuchWebsiteConfiguration',
  get_object_lock_configuration: 'ObjectLockConfigurationNotFoundError',
};

it('every read of a sub-resource is answered', { timeout: 120_000 }, async () => {
  const { accessKeyId, secretAccessKey } = server.credentials;
  const script = join(import.meta.dirname, '..', '..', 'process', 'suites', 'bucket-probes.py');
  const printed = await runTool(
    'python',
    [script, server.httpUrl, accessKeyId, secretAccessKey],
    {},
  );
  const { fresh, set } = JSON.parse(printed) as {
    fresh: Record<string, string>;
    set: Record<string, unknown>;
  };
  const calls = Object.keys(fresh);
  expect(calls.length).toBeGreaterThan(30);
  const expected = Object.fromEntries(calls.map((call) => [call, absent[call] ?? 'ok']));
  expect(fresh).toEqual(expected);
  expect(Object.keys(set).length).toBeGreaterThan(10);
  expect(set).toEqual(Object.fromEntries(Object.keys(set).map((name) => [name, true])));
});
