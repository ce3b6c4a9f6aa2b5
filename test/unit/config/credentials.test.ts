import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NodeDisk } from '../../../base/node-disk.ts';
import { systemRandom } from '../../../base/random.ts';
import { loadOrCreateCredentials, loadOrCreateSecret } from '../../../server/config/credentials.ts';
import { loadOrCreateCertificate } from '../../../server/tls/certificate.ts';

let folder: string;
let disk: NodeDisk;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'torc-config-'));
  disk = new NodeDisk(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const modeOf = (path: string): number => statSync(join(folder, path)).mode & 0o777;

it('makes credentials once, for the owner of the file alone', async () => {
  const first = await loadOrCreateCredentials(disk, systemRandom);
  expect(first.created).toBe(true);
  expect(modeOf('credentials.json')).toBe(0o600);
  const kept: unknown = JSON.parse(readFileSync(join(folder, 'credentials.json'), 'utf8'));
  expect(kept).toEqual(first.credentials);
  const again = await loadOrCreateCredentials(disk, systemRandom);
  expect(again).toEqual({ credentials: first.credentials, created: false });
  expect(Object.keys(first.credentials).toSorted()).toEqual([
    'accessKeyId',
    'account',
    'password',
    'secretAccessKey',
    'user',
  ]);
});

it('refuses credentials that it cannot read, and does not overwrite them', async () => {
  writeFileSync(join(folder, 'credentials.json'), '{"accessKeyId": ');
  await expect(loadOrCreateCredentials(disk, systemRandom)).rejects.toMatchObject({
    kind: 'invalid-argument',
  });
  expect(readFileSync(join(folder, 'credentials.json'), 'utf8')).toBe('{"accessKeyId": ');
});

it('keeps the secret that signs tokens', async () => {
  const secret = await loadOrCreateSecret(disk, systemRandom);
  expect(secret).toHaveLength(32);
  expect(Buffer.from(await loadOrCreateSecret(disk, systemRandom)).equals(secret)).toBe(true);
});

it('makes a certificate for this machine, once, its key for the owner alone', async () => {
  const made = await loadOrCreateCertificate(disk, Date.now());
  expect(modeOf('tls/key.pem')).toBe(0o600);
  const certificate = new X509Certificate(made.certificate);
  expect(certificate.checkHost('localhost')).toBe('localhost');
  expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(certificate.checkIP('::1')).toBeDefined();
  const years = (Date.parse(certificate.validTo) - Date.now()) / (365 * 86_400_000);
  expect(years).toBeGreaterThan(9.9);
  expect(await loadOrCreateCertificate(disk, Date.now())).toEqual(made);
});
