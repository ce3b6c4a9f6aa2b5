/**
 * rclone with the provider `Other` and nothing said about what the server can or cannot: ten thousand small
 * files are synced, checked, synced again after changes, and read back as they were before (`--s3-versions`).
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDebianTool } from '../process/tools/debian-tools.ts';
import { bytesOf, digestTree } from '../process/tools/file-tree.ts';
import { s3ClientOf } from '../process/s3-client.ts';
import { ServerProcess } from '../process/server.ts';

const files = Number(process.env['LONG_FILES'] ?? 10_000);
const [replaced, removed, added] = [files / 20, files / 40, files / 50].map(Math.floor) as [
  number,
  number,
  number,
];

const server = new ServerProcess();
const folder = mkdtempSync(join(tmpdir(), 'torc-rclone-'));
beforeAll(() => server.start());
afterAll(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
}, 300_000);

/** A hundred a folder, of sizes up to 2 KB. An hour old, so that their times say what has changed. */
function write(root: string, number: number, text: string): void {
  const path = join(root, `folder ${number % Math.ceil(files / 100)}`, `file-${number}.txt`);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, Buffer.concat([Buffer.from(text), bytesOf(text, (number * 37) % 2000)]));
  const then = new Date(Date.now() - 3_600_000);
  if (text === 'first') utimesSync(path, then, then);
}

function remove(root: string, number: number): void {
  rmSync(join(root, `folder ${number % Math.ceil(files / 100)}`, `file-${number}.txt`));
}

interface Done {
  readonly written: number;
  readonly replaced: number;
  readonly deleted: number;
}

const timeout = 1_200_000;

describe.each(['http', 'https'] as const)(`rclone and ${files} files over %s`, (scheme) => {
  const bucket = `many-${scheme}`;
  const where = `torc:${bucket}/tree`;
  const tree = join(folder, `tree-${scheme}`);
  const rclone = (...args: readonly string[]): Promise<string> => {
    const { accessKeyId, secretAccessKey } = server.credentials;
    const all = ['--config', join(folder, 'none.conf'), '--no-check-certificate', ...args];
    // One try, so that nothing hides behind a repetition.
    return runDebianTool('rclone', ['--retries', '1', '--low-level-retries', '1', ...all], {
      HOME: folder,
      RCLONE_CONFIG_TORC_TYPE: 's3',
      RCLONE_CONFIG_TORC_PROVIDER: 'Other',
      RCLONE_CONFIG_TORC_ENDPOINT: scheme === 'http' ? server.httpUrl : server.httpsUrl,
      RCLONE_CONFIG_TORC_REGION: 'us-east-1',
      RCLONE_CONFIG_TORC_ACCESS_KEY_ID: accessKeyId,
      RCLONE_CONFIG_TORC_SECRET_ACCESS_KEY: secretAccessKey,
    });
  };
  const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await work();
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`rclone over ${scheme}: ${what} in ${seconds} s\n`);
    return result;
  };
  const sync = async (): Promise<Done> => {
    const log = join(folder, `sync-${scheme}.log`);
    rmSync(log, { force: true });
    await rclone('sync', '-v', '--log-file', log, '--transfers', '16', tree, where);
    const said = readFileSync(log, 'utf8');
    const count = (message: RegExp): number => said.match(message)?.length ?? 0;
    return {
      written: count(/: Copied \(new\)$/gm),
      replaced: count(/: Copied \(replaced existing\)$/gm),
      deleted: count(/: Deleted$/gm),
    };
  };
  const listed = async (...args: readonly string[]): Promise<number> =>
    (await rclone('lsf', '-R', '--files-only', ...args, where)).trim().split('\n').length;

  it('syncs and checks them, and then has nothing to do', { timeout }, async () => {
    for (let i = 0; i < files; i++) write(tree, i, 'first');
    await rclone('mkdir', `torc:${bucket}`);
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    const wish = new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration });
    await s3ClientOf(server).send(wish);
    const done = await timed('first sync', sync);
    expect(done).toEqual({ written: files, replaced: 0, deleted: 0 });
    await timed('check', () => rclone('check', tree, where));
    const again = await timed('sync of nothing', sync);
    expect(again).toEqual({ written: 0, replaced: 0, deleted: 0 });
    expect(await timed('list', () => listed())).toBe(files);
    expect(await listed('--fast-list')).toBe(files);
  });

  it('syncs what changed, and reads what was', { timeout }, async () => {
    const before = digestTree(tree);
    // Amazon tells the time of a version in whole seconds: what is written in this one would be of it.
    const between = new Date().toISOString();
    await setTimeout(1000);
    for (let i = 0; i < replaced; i++) write(tree, i, 'second');
    for (let i = replaced; i < replaced + removed; i++) remove(tree, i);
    for (let i = files; i < files + added; i++) write(tree, i, 'second');
    const done = await timed('sync of changes', sync);
    expect(done).toEqual({ written: added, replaced, deleted: removed });
    await timed('check with bytes', () => rclone('check', '--download', tree, where));
    const all = await timed('list of versions', () => listed('--s3-versions'));
    expect(all).toBe(files + added + replaced);
    const back = join(folder, `back-${scheme}`);
    const at = ['--s3-version-at', between, '--transfers', '16'];
    await timed('restore of what was', () => rclone('copy', ...at, where, back));
    expect(digestTree(back)).toEqual(before);
  });

  it('removes old versions, and the rest', { timeout }, async () => {
    await timed('cleanup-hidden', () => rclone('backend', 'cleanup-hidden', where));
    expect(await listed('--s3-versions')).toBe(files + added - removed);
    await rclone('check', tree, where);
    await timed('delete', () => rclone('delete', where));
    await timed('second cleanup-hidden', () => rclone('backend', 'cleanup-hidden', where));
    await rclone('rmdir', `torc:${bucket}`);
    expect(await rclone('lsd', 'torc:')).not.toContain(bucket);
  });
});
