/** A self-signed certificate for https on a machine of one's own: made once and kept. */
import { fromUtf8, utf8 } from '../../base/bytes.ts';
import { createDurably, type Disk } from '../../base/disk.ts';
import { generate } from 'selfsigned';
import type { Certificate } from '../http/listen.ts';

/** `disk` is the data folder; files lie in `tls/`, readable by the owner alone. */
export async function loadOrCreateCertificate(disk: Disk, now: number): Promise<Certificate> {
  const [key, certificate] = await Promise.all([
    disk.readAll('tls/key.pem'),
    disk.readAll('tls/certificate.pem'),
  ]);
  if (key !== undefined && certificate !== undefined) {
    return { key: fromUtf8(key), certificate: fromUtf8(certificate) };
  }
  const tenYears = 10 * 365 * 86_400_000;
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: new Date(now + tenYears),
    extensions: [
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  await disk.makeDirectory('tls');
  await createDurably(disk, 'tls/key.pem', utf8(made.private));
  await createDurably(disk, 'tls/certificate.pem', utf8(made.cert));
  await disk.syncDirectory('');
  return { key: made.private, certificate: made.cert };
}
