/**
 * The cluster's own certificate authority: made by `torc cluster init`, it signs one certificate a
 * node. Elliptic curve P-256; a node's private key never leaves the node.
 */
import { createHash, createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { toHex } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signing = { name: 'ECDSA', hash: 'SHA-256' } as const;
const authorityYears = 30;
const nodeYears = 10;
const yearMillis: number = 365 * 86_400_000;
/** Clocks of machines may differ by so much when a certificate is made. */
const skewMillis = 86_400_000;

/** PEM texts. */
export interface KeyPair {
  readonly publicKey: string;
  readonly privateKey: string;
}

/** PEM texts. */
export interface Authority {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Names of nodes stand in certificates, keys of the map and file names. */
export function isNodeName(name: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name);
}

function checkName(name: string): void {
  if (isNodeName(name)) return;
  const rule =
    'a node name has 1 to 63 characters out of a-z, 0-9 and -, and - is neither first nor last';
  throw new StoreError('invalid-argument', 'cluster.name', `${rule}: "${name}"`);
}

cryptoProvider.set(webcrypto);

export async function createKeyPair(): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);
  const [pkcs8, spki] = await Promise.all([
    webcrypto.subtle.exportKey('pkcs8', keys.privateKey),
    webcrypto.subtle.exportKey('spki', keys.publicKey),
  ]);
  const privateKey = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  return {
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  };
}

async function importPrivate(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', new Uint8Array(der), curve, true, ['sign']);
}

/** Throws `invalid-argument` for anything but a P-256 public key. */
async function importPublic(pem: string): Promise<webcrypto.CryptoKey> {
  try {
    const der = createPublicKey(pem).export({ format: 'der', type: 'spki' });
    return await webcrypto.subtle.importKey('spki', new Uint8Array(der), curve, true, ['verify']);
  } catch (cause) {
    throw new StoreError('invalid-argument', 'cluster.key', 'not a P-256 public key', { cause });
  }
}

/** Positive, as RFC 5280 wants. */
function serialNumber(random: Random): string {
  const bytes = random.bytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return toHex(bytes);
}

interface Making {
  readonly random: Random;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export async function createAuthority(clusterId: string, making: Making): Promise<Authority> {
  const keys = await createKeyPair();
  const privateKey = await importPrivate(keys.privateKey);
  const name = `CN=torc cluster ${clusterId}`;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(making.random),
    subject: name,
    issuer: name,
    notBefore: new Date(making.now - skewMillis),
    notAfter: new Date(making.now + authorityYears * yearMillis),
    signingAlgorithm: signing,
    publicKey: await importPublic(keys.publicKey),
    signingKey: privateKey,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { certificate: certificate.toString('pem'), privateKey: keys.privateKey };
}

export interface Subject {
  readonly name: string;
  /** PEM. */
  readonly publicKey: string;
  /** Other names and addresses that it answers under: for an etcd server. */
  readonly hosts?: readonly string[];
}

function alternative(host: string): { type: 'ip' | 'dns'; value: string } {
  return { type: /^[\d.]+$|:/.test(host) ? 'ip' : 'dns', value: host };
}

/** A certificate (PEM) for a node, good for both ends of a connection. Throws `invalid-argument`. */
export async function signCertificate(
  authority: Authority,
  subject: Subject,
  making: Making,
): Promise<string> {
  checkName(subject.name);
  const issuer = new X509Certificate(authority.certificate);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(making.random),
    subject: `CN=${subject.name}`,
    issuer: issuer.subject,
    notBefore: new Date(making.now - skewMillis),
    notAfter: new Date(making.now + nodeYears * yearMillis),
    signingAlgorithm: signing,
    publicKey: await importPublic(subject.publicKey),
    signingKey: await importPrivate(authority.privateKey),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      // The node's own name comes first: the other side reads it there.
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: subject.name },
        ...(subject.hosts ?? []).map(alternative),
      ]),
    ],
  });
  return certificate.toString('pem');
}

/** When a certificate (PEM) ends, in milliseconds since 1970. */
export function endOf(certificate: string): number {
  return new X509Certificate(certificate).notAfter.getTime();
}

/** Whether the authority once gave this certificate, ended or not, to a node of this name and key. Throws `invalid-argument`. */
export async function wasSigned(
  { certificate: issuer }: Pick<Authority, 'certificate'>,
  certificate: string,
  { name, publicKey }: Subject,
): Promise<boolean> {
  let given: X509Certificate;
  try {
    given = new X509Certificate(certificate);
  } catch (cause) {
    throw new StoreError('invalid-argument', 'cluster.certificate', 'not a certificate', { cause });
  }
  const key = createPublicKey(publicKey).export({ format: 'der', type: 'spki' });
  return (
    given.subject === `CN=${name}` &&
    key.equals(Buffer.from(given.publicKey.rawData)) &&
    (await given.verify({ publicKey: new X509Certificate(issuer).publicKey, signatureOnly: true }))
  );
}

/** SHA-256 of the authority's certificate, hex: by it a joining node knows that it speaks with the right cluster. */
export function fingerprintOf(certificate: string): string {
  const der = new Uint8Array(new X509Certificate(certificate).rawData);
  return createHash('sha256').update(der).digest('hex');
}
