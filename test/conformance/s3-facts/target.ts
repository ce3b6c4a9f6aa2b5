/**
 * The endpoint that the acceptance facts are held against: our own server, or any other that
 * S3_FACTS_ENDPOINT names (https if it has it; with S3_FACTS_ACCESS_KEY, S3_FACTS_SECRET_KEY,
 * S3_FACTS_REGION; S3_FACTS_SECOND_ENDPOINT for another front of the same store;
 * S3_FACTS_OTHER_ACCESS_KEY and S3_FACTS_OTHER_SECRET_KEY of another account).
 */
import { createHash, randomBytes } from 'node:crypto';
import { request as overHttp, type IncomingMessage } from 'node:http';
import { Agent, request as overHttps } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ServerProcess } from '../../process/server.ts';
import { Wire } from '../../unit/http/front-harness.ts';
import { type Key, type Signed, type SignOptions, presign, sign } from '../../unit/s3/signer.ts';

export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly bytes: Buffer;
  readonly text: string;
  /** Of an error document. */
  readonly code: string | undefined;
}

export interface Ask {
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly sign?: Partial<SignOptions>;
  /** Over the other front, if there is one. */
  readonly second?: boolean;
  readonly anonymous?: boolean;
}

const env = (name: string): string => process.env[`S3_FACTS_${name}`] ?? '';
const given = env('ENDPOINT') !== '';
/** Amazon's ways in all that can be set. */
const config = join(import.meta.dirname, 'server.json');
const own = given ? undefined : new ServerProcess();
const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });

/** For how long a slow client sends. Ten minutes in full: S3_FACTS_SLOW_SECONDS=600. */
export const slowSeconds: number = Number(env('SLOW_SECONDS') || '10');

export const region: string = env('REGION') || 'us-east-1';
export const key: Key = given
  ? { accessKeyId: env('ACCESS_KEY'), secretAccessKey: env('SECRET_KEY') }
  : {
      accessKeyId: 'TORCS3TESTMAIN000001',
      secretAccessKey: 'torcS3testMainSecret0000000000000000001',
    };
export const otherKey: Key = given
  ? { accessKeyId: env('OTHER_ACCESS_KEY'), secretAccessKey: env('OTHER_SECRET_KEY') }
  : {
      accessKeyId: 'TORCS3TESTALT0000002',
      secretAccessKey: 'torcS3testAltSecret00000000000000000002',
    };

/** https, unless the endpoint has none. */
export function endpoint(): URL {
  return new URL(own === undefined ? env('ENDPOINT') : own.httpsUrl);
}

function secondEndpoint(): URL {
  if (own !== undefined) return new URL(own.httpUrl);
  return new URL(env('SECOND_ENDPOINT') || env('ENDPOINT'));
}

/** To be called once in every file. */
export function useTarget(): void {
  if (own === undefined) return;
  beforeAll(() => own.start(['--config', config]));
  afterAll(() => own.remove());
}

/** One of the facts of the project's survey, by its number. */
export function fact(number: number, title: string, run: () => Promise<void>): void {
  test(`F${number} ${title}`, { timeout: 120_000 + slowSeconds * 1000 }, run);
}

export function stampNow(shiftMillis = 0): string {
  return new Date(Date.now() + shiftMillis).toISOString().replace(/[-:]|\.\d+/g, '');
}

export function signed(method: string, path: string, ask: Ask = {}): Signed {
  const url = ask.second === true ? secondEndpoint() : endpoint();
  const { query = {}, headers = {}, body = '' } = ask;
  const request = { method, path, query, headers: { host: url.host, ...headers } };
  const options = { key, stamp: stampNow(), region, ...ask.sign };
  return sign({ ...request, body: Buffer.from(body) }, options);
}

/** The path and query that a link has which lets its bearer do this. */
export function presigned(
  method: string,
  path: string,
  ask: Ask & { readonly expires: number | string },
): Signed {
  const { query = {}, headers = {}, body = '', expires } = ask;
  const request = { method, path, query, headers: { host: endpoint().host, ...headers } };
  const options = { key, stamp: stampNow(), region, expires, ...ask.sign };
  return presign({ ...request, body: Buffer.from(body) }, options);
}

/** `path` is decoded. */
export function ask(method: string, path: string, asked: Ask = {}): Promise<Answer> {
  const ready = signed(method, path, asked);
  if (asked.anonymous !== true) return send(ready, asked.second);
  const { authorization: _none, ...headers } = ready.headers;
  return send({ ...ready, headers }, asked.second);
}

/** Sends exactly this path: URL libraries would normalise it. */
export function send(ready: Signed, second = false): Promise<Answer> {
  const url = second ? secondEndpoint() : endpoint();
  const { method, path, query, headers, body } = ready;
  const options = {
    host: url.hostname,
    port: url.port,
    method,
    path: query === '' ? path : `${path}?${query}`,
    headers: hasBody(ready) ? { ...headers, 'content-length': String(body.length) } : headers,
  };
  return new Promise((resolve, reject) => {
    const heard = (incoming: IncomingMessage): void => {
      read(incoming).then(resolve, reject);
    };
    const outgoing =
      url.protocol === 'https:'
        ? overHttps({ ...options, agent }, heard)
        : overHttp(options, heard);
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function hasBody({ method, body }: Signed): boolean {
  return body.length > 0 || method === 'PUT' || method === 'POST';
}

async function read(incoming: IncomingMessage): Promise<Answer> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece as Buffer);
  const bytes = Buffer.concat(pieces);
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.set((incoming.rawHeaders[i] ?? '').toLowerCase(), incoming.rawHeaders[i + 1] ?? '');
  }
  const text = bytes.toString('utf8');
  const code = /<Error>.*?<Code>(\w+)<\/Code>/s.exec(text)?.[1];
  return { status: incoming.statusCode ?? 0, headers, bytes, text, code };
}

/** A connection for exact bytes. */
export async function dial(): Promise<Wire> {
  const url = endpoint();
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const to = { host: url.hostname, port };
  const socket = await new Promise<Socket>((resolve, reject) => {
    const made: Socket =
      url.protocol === 'https:'
        ? connectTls({ ...to, rejectUnauthorized: false }, () => resolve(made))
        : connect(to, () => resolve(made));
    made.once('error', reject);
  });
  return new Wire(socket);
}

/** The head of a request as bytes; `length` undefined: no Content-Length. */
export function headOf(ready: Signed, length: number | undefined, more = ''): string {
  const lines = Object.entries(ready.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const target = ready.query === '' ? ready.path : `${ready.path}?${ready.query}`;
  const size = length === undefined ? '' : `content-length: ${length}\r\n`;
  return `${ready.method} ${target} HTTP/1.1\r\n${lines.join('')}${size}${more}\r\n`;
}

/** A bucket of its own for every fact. */
export async function newBucket(headers: Record<string, string> = {}): Promise<string> {
  const name = `fact-${randomBytes(8).toString('hex')}`;
  const location = `<CreateBucketConfiguration><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`;
  const body = region === 'us-east-1' ? '' : location;
  const made = await ask('PUT', `/${name}`, { headers, body });
  expect(made.status).toBe(200);
  return name;
}

export async function setVersioning(bucket: string, status: string): Promise<Answer> {
  return ask('PUT', `/${bucket}`, {
    query: { versioning: '' },
    body: `<VersioningConfiguration><Status>${status}</Status></VersioningConfiguration>`,
  });
}

export interface Upload {
  readonly path: string;
  readonly uploadId: string;
  readonly put: (number: number | string, body: string | Uint8Array, more?: Ask) => Promise<Answer>;
  readonly complete: (parts: readonly Part[], more?: Ask) => Promise<Answer>;
}

export interface Part {
  readonly number: number;
  readonly etag: string;
}

export async function beginUpload(
  path: string,
  headers: Record<string, string> = {},
): Promise<Upload> {
  const created = await ask('POST', path, { query: { uploads: '' }, headers });
  expect(created.status).toBe(200);
  const uploadId = one(created.text, 'UploadId') ?? '';
  return {
    path,
    uploadId,
    put: (number, body, more = {}) =>
      ask('PUT', path, { ...more, query: { partNumber: String(number), uploadId }, body }),
    complete: (parts, more = {}) =>
      ask('POST', path, { ...more, query: { uploadId }, body: completion(parts) }),
  };
}

export function completion(parts: readonly Part[]): string {
  const list = parts.map(
    ({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`,
  );
  return `<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`;
}

export const etagOf = (answer: Answer): string => answer.headers.get('etag') ?? '';
export const md5 = (bytes: string | Uint8Array): string =>
  createHash('md5').update(bytes).digest('hex');
export const md5Base64 = (bytes: string | Uint8Array): string =>
  createHash('md5').update(bytes).digest('base64');

/** Texts of every element of this name, with entities resolved. */
export function all(xml: string, name: string): string[] {
  const texts = [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))];
  return texts.map((match) =>
    (match[1] ?? '')
      .replace(/&#x([0-9a-f]+);/gi, (_all, hex: string) =>
        String.fromCodePoint(Number.parseInt(hex, 16)),
      )
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&amp;', '&'),
  );
}

export function one(xml: string, name: string): string | undefined {
  return all(xml, name)[0];
}

export const outcome = (answer: Answer): readonly [number, string | undefined] => [
  answer.status,
  answer.code,
];
