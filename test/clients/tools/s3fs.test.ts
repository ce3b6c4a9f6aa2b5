/** A bucket mounted as a folder by s3fs, on machines whose kernel lets it. */
import { appendFileSync, cpSync, mkdirSync } from 'node:fs';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { runDebianTool } from '../../process/tools/debian-tools.ts';
import { digestTree } from '../../process/tools/file-tree.ts';
import { s3ClientOf } from '../../process/s3-client.ts';
import { toolBench } from '../../process/tools/tool-bench.ts';

const { server, folder, source } = toolBench('s3fs');

/** What fuse itself says where the machine has no such device, or lets nobody mount. */
const kernelRefuses =
  /fuse\w*: .*(device not found|not permitted|permission denied|no such (file|device))/i;

const client = (): S3Client => s3ClientOf(server);

async function mount(scheme: 'http' | 'https', to: string): Promise<void> {
  const { accessKeyId, secretAccessKey } = server.credentials;
  const url = scheme === 'http' ? server.httpUrl : server.httpsUrl;
  const Bucket = `s3fs-${scheme}`;
  await client().send(new CreateBucketCommand({ Bucket }));
  const secret = join(folder, 'secret');
  writeFileSync(secret, `${accessKeyId}:${secretAccessKey}`, { mode: 0o600 });
  mkdirSync(to);
  const how = `passwd_file=${secret},url=${url},use_path_request_style,no_check_certificate`;
  await runDebianTool('s3fs', [Bucket, to, '-o', `${how},ssl_verify_hostname=0`], { HOME: folder });
}

it.each(['http', 'https'] as const)('s3fs over %s', { timeout: 300_000 }, async (scheme) => {
  const mounted = join(folder, `mounted-${scheme}`);
  const failure = await mount(scheme, mounted).catch((error: unknown) => String(error));
  if (failure !== undefined) {
    // Nothing to be shown on such a machine but that it is such a one.
    expect(failure).toMatch(kernelRefuses);
    return;
  }
  try {
    cpSync(source, mounted, { recursive: true });
    expect(digestTree(mounted)).toEqual(digestTree(source));
    // A folder that is no mount would have passed that too.
    const head = { Bucket: `s3fs-${scheme}`, Key: 'size-20000003' };
    expect((await client().send(new HeadObjectCommand(head))).ContentLength).toBe(20_000_003);
    renameSync(join(mounted, 'plain'), join(mounted, 'sub', 'renamed'));
    appendFileSync(join(mounted, 'sub', 'renamed'), ' and more');
    expect(readFileSync(join(mounted, 'sub', 'renamed'), 'utf8')).toBe('plain and more');
    rmSync(join(mounted, 'sub', 'deep'), { recursive: true });
    expect(readdirSync(mounted)).not.toContain('plain');
    expect(readdirSync(join(mounted, 'sub'))).not.toContain('deep');
  } finally {
    await runDebianTool('fusermount', ['-u', mounted], {});
  }
});
