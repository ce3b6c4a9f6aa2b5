/** Services of OpenStack, by the libraries that they reach the store with, and backup tools: `npm run test:openstack -- --all`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cloud, member, owner } from './cloud.ts';
import { installPackages } from './packages.ts';

const cloud = new Cloud({
  images: owner('images'),
  volumes: owner('volumes'),
  zuul: owner('zuul'),
  panel: owner('panel'),
  backups: owner('backups'),
  alice: member('alice', 'demo'),
  bob: member('bob', 'other'),
  glance: member('glance', 'service', { roles: ['service'] }),
});
beforeAll(async () => {
  installPackages('all');
  await cloud.start();
}, 1_800_000);
afterAll(() => cloud.remove());

const suites = [
  [
    'images',
    [
      'Swift: an image of one object',
      'Swift: a large image in chunks',
      'Swift: a download resumed by range',
      'Swift: a container for each image, shared with projects',
      'S3: images in one piece and in parts',
    ],
  ],
  ['glance', ['images in torc', 'images in buckets', 'nothing is left']],
  [
    'volumes',
    [
      'a full backup and its restoration',
      'incremental backups, each restored',
      'backups are deleted',
    ],
  ],
  [
    'zuul',
    [
      'a public container',
      'uploads by 24 threads',
      'strangers read pages, listings and packed logs',
      'scripts of other sites',
      'what expires is gone',
    ],
  ],
  [
    'panel',
    [
      'containers',
      'folders, uploads, copies',
      'a container with a slash',
      'public and private again',
      'deletion',
    ],
  ],
  [
    'backups',
    [
      'rclone: sync, check, move, purge',
      'restic: backups, check, prune, restore',
      'duplicity: full, incremental, verify, prune, restore',
    ],
  ],
] as const;

describe.each(suites)('%s', (name, checks) => {
  it(checks.join(', '), { timeout: 900_000 }, async () => {
    expect(await cloud.suite(name)).toEqual(checks);
  });
});
