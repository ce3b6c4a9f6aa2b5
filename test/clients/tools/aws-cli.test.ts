/** aws-cli as people use it: sync, copies in parts, presigned addresses, conditional writes, versions. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytesOf, digestTree, writeTree } from '../../process/tools/file-tree.ts';
import { readAddress } from '../../process/tools/read-address.ts';
import { installPythonTools, runTool } from '../../process/python-tools.ts';
import { toolBench } from '../../process/tools/tool-bench.ts';

const { server, folder } = toolBench('aws-cli', installPythonTools);

describe.each(['http', 'https'] as const)('aws-cli over %s', (scheme) => {
  const bucket = `aws-cli-${scheme}`;
  const aws = (...args: readonly string[]): Promise<string> => {
    const { accessKeyId, secretAccessKey } = server.credentials;
    const url = scheme === 'http' ? server.httpUrl : server.httpsUrl;
    // Default settings of integrity; one try, so that nothing hides behind a repetition.
    return runTool('aws', ['--endpoint-url', url, '--no-verify-ssl', ...args], {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_CONFIG_FILE: join(folder, 'none'),
      AWS_MAX_ATTEMPTS: '1',
    });
  };
  const api = async (...args: readonly string[]): Promise<Record<string, unknown>> => {
    const printed = await aws('s3api', ...args, '--output', 'json');
    return printed.trim() === '' ? {} : (JSON.parse(printed) as Record<string, unknown>);
  };

  it('syncs a tree there, its changes, and back', { timeout: 300_000 }, async () => {
    const tree = join(folder, `tree-${scheme}`);
    writeTree(tree);
    await aws('s3', 'mb', `s3://${bucket}`);
    await aws('s3', 'sync', '--only-show-errors', tree, `s3://${bucket}/t`);
    expect(await aws('s3', 'sync', tree, `s3://${bucket}/t`)).toBe('');
    writeFileSync(join(tree, 'plain'), 'changed');
    rmSync(join(tree, 'sub/b c'));
    await aws('s3', 'sync', '--only-show-errors', '--delete', tree, `s3://${bucket}/t`);
    const back = join(folder, `back-${scheme}`);
    writeTree(back);
    writeFileSync(join(back, 'only here'), 'goes');
    const down = ['--delete', '--exact-timestamps', `s3://${bucket}/t`, back];
    await aws('s3', 'sync', '--only-show-errors', ...down);
    expect(digestTree(back)).toEqual(digestTree(tree));
    await aws('s3', 'sync', '--only-show-errors', `s3://${bucket}/t`, `s3://${bucket}/copy`);
    await aws(
      's3',
      'mv',
      '--only-show-errors',
      `s3://${bucket}/copy/plain`,
      `s3://${bucket}/moved`,
    );
    expect(await aws('s3', 'cp', '--only-show-errors', `s3://${bucket}/moved`, '-')).toBe(
      'changed',
    );
    const listed = await aws('s3', 'ls', '--recursive', '--summarize', `s3://${bucket}/copy/`);
    expect(listed).toContain('Total Objects: 11');
  });

  it('uploads in parts with the checksum of the whole', { timeout: 300_000 }, async () => {
    const head = await api(
      ...['head-object', '--bucket', bucket, '--key', 't/size-20000003'],
      ...['--checksum-mode', 'ENABLED'],
    );
    expect(head['ETag']).toMatch(/-3"$/);
    expect(head['ContentLength']).toBe(20_000_003);
    const names = Object.keys(head).filter((name) => /^Checksum[A-Z0-9]+$/.test(name));
    expect(names).toHaveLength(1);
    const attributes = await api(
      ...['get-object-attributes', '--bucket', bucket, '--key', 't/size-20000003'],
      ...['--object-attributes', 'ETag', 'ObjectSize', 'ObjectParts', 'Checksum'],
    );
    expect(attributes['ObjectParts']).toMatchObject({ TotalPartsCount: 3 });
  });

  it('presigns an address that anybody can read, and nobody can prolong', {
    timeout: 300_000,
  }, async () => {
    const presign = ['s3', 'presign', `s3://${bucket}/moved`, '--expires-in', '60'] as const;
    const address = (await aws(...presign)).trim();
    expect(await readAddress(address)).toBe('changed');
    const later = address.replace(
      /(Expires=)(\d+)/,
      (_, name, time) => `${name}${Number(time) + 60}`,
    );
    expect(later).not.toBe(address);
    expect(await readAddress(later)).toContain('SignatureDoesNotMatch');
  });

  it('writes and deletes under conditions', { timeout: 300_000 }, async () => {
    const body = join(folder, `body-${scheme}`);
    writeFileSync(body, 'first');
    const address = ['--bucket', bucket, '--key', 'state'];
    const put = (...args: readonly string[]): Promise<Record<string, unknown>> =>
      api('put-object', ...address, '--body', body, ...args);
    const { ETag } = await put('--if-none-match', '*');
    await expect(put('--if-none-match', '*')).rejects.toThrow('PreconditionFailed');
    writeFileSync(body, 'second');
    const tag = String(ETag);
    const second = await put('--if-match', tag);
    await expect(put('--if-match', tag)).rejects.toThrow('PreconditionFailed');
    const remove = (etag: string): Promise<unknown> =>
      api('delete-object', ...address, '--if-match', etag);
    await expect(remove(tag)).rejects.toThrow('PreconditionFailed');
    await remove(String(second['ETag']));
    await expect(put('--if-match', tag)).rejects.toThrow('NoSuchKey');
    await expect(api('head-object', ...address)).rejects.toThrow('404');
  });

  it('keeps versions, lists them page by page, and empties the bucket', async () => {
    const versioned = `${bucket}-versions`;
    await aws('s3', 'mb', `s3://${versioned}`);
    await api(
      ...['put-bucket-versioning', '--bucket', versioned],
      ...['--versioning-configuration', 'Status=Enabled'],
    );
    const body = join(folder, `version-${scheme}`);
    for (const text of ['one', 'two', 'three']) {
      writeFileSync(body, bytesOf(text, 10));
      await aws('s3', 'cp', '--only-show-errors', body, `s3://${versioned}/key`);
    }
    await aws('s3', 'rm', '--only-show-errors', `s3://${versioned}/key`);
    const listed = await api('list-object-versions', '--bucket', versioned, '--page-size', '2');
    const versions = listed['Versions'] as { VersionId: string; IsLatest: boolean }[];
    const markers = listed['DeleteMarkers'] as { VersionId: string; IsLatest: boolean }[];
    expect(versions.map((one) => one.IsLatest)).toEqual([false, false, false]);
    expect(markers.map((one) => one.IsLatest)).toEqual([true]);
    await expect(aws('s3', 'rb', `s3://${versioned}`)).rejects.toThrow('BucketNotEmpty');
    const all = [...versions, ...markers].map(({ VersionId }) => ({ Key: 'key', VersionId }));
    const wish = JSON.stringify({ Objects: all, Quiet: true });
    await api('delete-objects', '--bucket', versioned, '--delete', wish);
    await aws('s3', 'rb', `s3://${versioned}`);
  }, 300_000);
});
