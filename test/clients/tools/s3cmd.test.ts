/** s3cmd: a tree there and back, parts, access lists, addresses signed by its old signature, and settings of buckets. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateMultipartUploadCommand,
  DeletePublicAccessBlockCommand,
  PutBucketOwnershipControlsCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { runDebianTool } from '../../process/tools/debian-tools.ts';
import { digestTree } from '../../process/tools/file-tree.ts';
import { readAddress } from '../../process/tools/read-address.ts';
import { s3ClientOf } from '../../process/s3-client.ts';
import { toolBench } from '../../process/tools/tool-bench.ts';

const { server, folder, source } = toolBench('s3cmd');

describe.each(['http', 'https'] as const)('s3cmd over %s', (scheme) => {
  const bucket = `s3://s3cmd-${scheme}`;
  const s3cmd = (...args: readonly string[]): Promise<string> => {
    const { accessKeyId, secretAccessKey } = server.credentials;
    const { host } = new URL(scheme === 'http' ? server.httpUrl : server.httpsUrl);
    const settings = [
      ...['[default]', `access_key = ${accessKeyId}`, `secret_key = ${secretAccessKey}`],
      ...[`host_base = ${host}`, `host_bucket = ${host}`],
      ...[`use_https = ${scheme === 'https' ? 'True' : 'False'}`, 'check_ssl_certificate = False'],
      `signurl_use_https = ${scheme === 'https' ? 'True' : 'False'}`,
    ];
    const config = join(folder, `${scheme}.cfg`);
    writeFileSync(config, settings.join('\n'));
    return runDebianTool('s3cmd', ['-c', config, '--no-progress', ...args], { HOME: folder });
  };
  const file = (name: string, text: string): string => {
    const path = join(folder, `${scheme}-${name}`);
    writeFileSync(path, text);
    return path;
  };

  it('syncs a tree there and back, in parts too', { timeout: 300_000 }, async () => {
    await s3cmd('mb', bucket);
    await s3cmd('sync', '--multipart-chunk-size-mb=5', `${source}/`, `${bucket}/t/`);
    // Nothing changed, so nothing is sent again: MD5 and size are what it compares.
    expect(await s3cmd('sync', '--dry-run', `${source}/`, `${bucket}/t/`)).not.toContain('upload:');
    const back = join(folder, `back-${scheme}`);
    await s3cmd('sync', `${bucket}/t/`, `${back}/`);
    expect(digestTree(back)).toEqual(digestTree(source));
    // Each sets the list anew after the copy.
    await s3cmd('cp', `${bucket}/t/plain`, `${bucket}/copy`);
    await s3cmd('mv', `${bucket}/copy`, `${bucket}/moved`);
    await s3cmd('modify', '--add-header=x-amz-meta-colour:red', `${bucket}/moved`);
    const info = await s3cmd('info', `${bucket}/moved`);
    expect(info).toContain('x-amz-meta-colour: red');
    expect(await s3cmd('ls', `${bucket}/`)).not.toContain('copy');
  });

  it('removes what is gone, sums, and shows uploads in parts', { timeout: 300_000 }, async () => {
    const tree = join(folder, `tree-${scheme}`);
    mkdirSync(tree);
    writeFileSync(join(tree, 'one'), 'changed');
    await s3cmd('sync', '--delete-removed', `${tree}/`, `${bucket}/t/`);
    expect(await s3cmd('du', `${bucket}/t/`)).toMatch(/^\s*7\s+1 objects/);
    const name = `s3cmd-${scheme}`;
    const begun = new CreateMultipartUploadCommand({ Bucket: name, Key: 'big' });
    const { UploadId = '' } = await s3ClientOf(server).send(begun);
    expect(await s3cmd('multipart', bucket)).toContain(UploadId);
    await s3cmd('abortmp', `${bucket}/big`, UploadId);
    expect(await s3cmd('multipart', bucket)).not.toContain(UploadId);
  });

  it('opens an object to everybody, and closes it', { timeout: 300_000 }, async () => {
    const name = `s3cmd-acl-${scheme}`;
    const OwnershipControls = { Rules: [{ ObjectOwnership: 'ObjectWriter' as const }] };
    await s3cmd('mb', `s3://${name}`);
    const s3 = s3ClientOf(server);
    await s3.send(new PutBucketOwnershipControlsCommand({ Bucket: name, OwnershipControls }));
    await s3.send(new DeletePublicAccessBlockCommand({ Bucket: name }));
    await s3cmd('put', '--acl-public', file('open', 'for all'), `s3://${name}/open`);
    const address = `${scheme === 'http' ? server.httpUrl : server.httpsUrl}/${name}/open`;
    expect(await readAddress(address)).toBe('for all');
    expect(await s3cmd('info', `s3://${name}/open`)).toContain('*anon*: READ');
    await s3cmd('setacl', '--acl-private', `s3://${name}/open`);
    expect(await readAddress(address)).toContain('AccessDenied');
    await s3cmd('rb', '--recursive', '--force', `s3://${name}`);
  });

  it('signs addresses by version 2, and lists by it', { timeout: 300_000 }, async () => {
    const address = (await s3cmd('signurl', `${bucket}/moved`, '+60')).trim();
    expect(address).toContain('AWSAccessKeyId=');
    expect(await readAddress(address)).toBe('plain');
    expect(await s3cmd('--signature-v2', 'ls', `${bucket}/`)).toContain('moved');
  });

  it("reads back a bucket's settings", { timeout: 300_000 }, async () => {
    await s3cmd('expire', '--expiry-days=3', bucket);
    expect(await s3cmd('getlifecycle', bucket)).toContain('<Days>3</Days>');
    const rule =
      '<AllowedOrigin>http://a.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod>';
    const cors = `<CORSConfiguration><CORSRule>${rule}</CORSRule></CORSConfiguration>`;
    await s3cmd('setcors', file('cors', cors), bucket);
    const policy = {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Deny',
          Principal: '*',
          Action: 's3:GetObject',
          Resource: `arn:aws:s3:::s3cmd-${scheme}/secret/*`,
        },
      ],
    };
    await s3cmd('setpolicy', file('policy', JSON.stringify(policy)), bucket);
    await s3cmd('put', file('secret', 'x'), `${bucket}/secret/one`);
    await expect(s3cmd('get', `${bucket}/secret/one`, '-')).rejects.toThrow('403');
    const info = await s3cmd('info', bucket);
    for (const part of ['http://a.example', '"Deny"', '3']) expect(info).toContain(part);
    await s3cmd('delpolicy', bucket);
    const target = join(folder, `secret-${scheme}`);
    await s3cmd('get', `${bucket}/secret/one`, target);
    expect(readFileSync(target, 'utf8')).toBe('x');
    await s3cmd('rb', '--recursive', '--force', bucket);
    expect(await s3cmd('ls')).not.toContain(bucket);
  });
});
