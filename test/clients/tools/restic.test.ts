/** restic keeps a repository here: backups, pruning, a check of every byte, and what it restores. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runDebianTool } from '../../process/tools/debian-tools.ts';
import { bytesOf, digestTree } from '../../process/tools/file-tree.ts';
import { toolBench } from '../../process/tools/tool-bench.ts';

const { server, folder, source } = toolBench('restic');

it.each(['http', 'https'] as const)('restic over %s', { timeout: 300_000 }, async (scheme) => {
  const { accessKeyId, secretAccessKey } = server.credentials;
  const url = scheme === 'http' ? server.httpUrl : server.httpsUrl;
  const restic = (...args: readonly string[]): Promise<string> =>
    runDebianTool('restic', [...(scheme === 'https' ? ['--insecure-tls'] : []), ...args], {
      HOME: folder,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      RESTIC_REPOSITORY: `s3:${url}/restic-${scheme}/repository`,
      RESTIC_PASSWORD: 'of the tests',
    });
  await restic('init');
  await restic('backup', source);
  const before = digestTree(source);
  writeFileSync(join(source, 'size-20000003'), bytesOf(scheme, 9_000_000));
  writeFileSync(join(source, `new-${scheme}`), scheme);
  await restic('backup', source);
  const snapshots = JSON.parse(await restic('snapshots', '--json')) as { short_id: string }[];
  expect(snapshots).toHaveLength(2);

  const [first] = snapshots;
  await restic('restore', first?.short_id ?? '', '--target', join(folder, `first-${scheme}`));
  expect(digestTree(join(folder, `first-${scheme}`, source))).toEqual(before);

  await restic('forget', '--keep-last', '1', '--prune');
  expect(await restic('check', '--read-data')).toContain('no errors were found');
  await restic('restore', 'latest', '--target', join(folder, `last-${scheme}`));
  expect(digestTree(join(folder, `last-${scheme}`, source))).toEqual(digestTree(source));
});
