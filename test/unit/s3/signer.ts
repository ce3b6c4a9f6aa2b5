/**
 * An S3 client's half of Signature Version 4, written from Amazon's documents and sharing no code
 * with the door: what both agree on is right.
 */
import { createHash, createHmac } from 'node:crypto';

export interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Unsigned {
  readonly method: string;
  /** Decoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** In the place of `query`, sent and signed letter by letter. */
  readonly queryAsTyped?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export type PayloadMode =
  | 'signed'
  | 'unsigned'
  | 'streaming'
  | 'streaming-trailer'
  | 'streaming-unsigned-trailer';

export interface SignOptions {
  readonly key: Key;
  /** `20260101T000000Z`. */
  readonly stamp: string;
  readonly region?: string;
  readonly service?: string;
  readonly mode?: PayloadMode;
  readonly chunkBytes?: number;
  /** Trailers of the modes that have them. */
  readonly trailers?: Readonly<Record<string, string>>;
  /** Secret for chunks and trailers, when it shall differ from the key's. */
  readonly chunkSecret?: string;
  /** Header names left out of the signature. */
  readonly unsigned?: readonly string[];
}

export interface Signed {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

const words: Readonly<Record<Exclude<PayloadMode, 'signed'>, string>> = {
  unsigned: 'UNSIGNED-PAYLOAD',
  streaming: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'streaming-trailer': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  'streaming-unsigned-trailer': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
};

export const sha256 = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer =>
  createHmac('sha256', key).update(data).digest();

function encode(text: string, keepSlash: boolean): string {
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const character = String.fromCharCode(byte);
    const isPlain = /[A-Za-z0-9\-._~]/.test(character) || (keepSlash && character === '/');
    out += isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

export const encodePath = (path: string): string => encode(path, true);

function queryText(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => [encode(name, false), encode(value, false)] as const)
    .toSorted((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function signingKey(secret: string, scope: readonly string[]): Buffer {
  return scope.reduce<Buffer | string>((key, piece) => hmac(key, piece), `AWS4${secret}`) as Buffer;
}

function canonicalHeaders(headers: Readonly<Record<string, string>>, names: readonly string[]) {
  const lower = new Map(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return names
    .map((name) => `${name}:${(lower.get(name) ?? '').trim().replace(/ +/g, ' ')}\n`)
    .join('');
}

function announceFraming(
  headers: Record<string, string>,
  body: Buffer,
  options: Pick<SignOptions, 'trailers'>,
): void {
  headers['x-amz-decoded-content-length'] ??= String(body.length);
  headers['content-encoding'] ??= 'aws-chunked';
  const names = Object.keys(options.trailers ?? {});
  if (names.length > 0) headers['x-amz-trailer'] ??= names.join(',');
}

/** By the Authorization header. */
export function sign(request: Unsigned, options: SignOptions): Signed {
  const { key, stamp, region = 'us-east-1', service = 's3', mode = 'signed' } = options;
  const body = Buffer.from(request.body ?? new Uint8Array(0));
  const payload = mode === 'signed' ? sha256(body) : words[mode];
  const headers: Record<string, string> = {
    host: 'localhost:8080',
    ...request.headers,
    'x-amz-date': stamp,
    'x-amz-content-sha256': payload,
  };
  if (mode.startsWith('streaming')) announceFraming(headers, body, options);
  const names = Object.keys(headers)
    .map((name) => name.toLowerCase())
    .filter((name) => options.unsigned?.includes(name) !== true)
    .toSorted();
  const path = encodePath(request.path);
  const query = request.queryAsTyped ?? queryText(request.query ?? {});
  const canonical = [
    request.method,
    path,
    query,
    canonicalHeaders(headers, names),
    names.join(';'),
    payload,
  ].join('\n');
  const scope = [stamp.slice(0, 8), region, service, 'aws4_request'];
  const toSign = ['AWS4-HMAC-SHA256', stamp, scope.join('/'), sha256(canonical)].join('\n');
  const signature = hmac(signingKey(key.secretAccessKey, scope), toSign).toString('hex');
  headers['authorization'] =
    `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/${scope.join('/')}, ` +
    `SignedHeaders=${names.join(';')}, Signature=${signature}`;
  const framed = mode.startsWith('streaming')
    ? frame(body, { ...options, mode, scope, signature })
    : body;
  return { method: request.method, path, query, headers, body: framed };
}

/** aws-chunked, with or without signatures. */
function frame(
  body: Buffer,
  options: SignOptions & {
    readonly mode: PayloadMode;
    readonly scope: readonly string[];
    readonly signature: string;
  },
): Buffer {
  const { chunkBytes = 65_536, stamp, scope, mode, trailers = {} } = options;
  const isSigned = mode !== 'streaming-unsigned-trailer';
  const key = signingKey(options.chunkSecret ?? options.key.secretAccessKey, scope);
  let previous = options.signature;
  const chunkSignature = (data: Buffer): string => {
    const lines = [
      'AWS4-HMAC-SHA256-PAYLOAD',
      stamp,
      scope.join('/'),
      previous,
      sha256(''),
      sha256(data),
    ];
    previous = hmac(key, lines.join('\n')).toString('hex');
    return `;chunk-signature=${previous}`;
  };
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += chunkBytes) {
    const data = body.subarray(at, at + chunkBytes);
    const size = data.length.toString(16);
    pieces.push(Buffer.from(`${size}${isSigned ? chunkSignature(data) : ''}\r\n`));
    pieces.push(data, Buffer.from('\r\n'));
  }
  pieces.push(Buffer.from(`0${isSigned ? chunkSignature(Buffer.alloc(0)) : ''}\r\n`));
  if (mode !== 'streaming') {
    let lines = '';
    for (const [name, value] of Object.entries(trailers)) {
      pieces.push(Buffer.from(`${name}:${value}\r\n`));
      lines += `${name}:${value}\n`;
    }
    if (isSigned) {
      const toSign = ['AWS4-HMAC-SHA256-TRAILER', stamp, scope.join('/'), previous, sha256(lines)];
      const signature = hmac(key, toSign.join('\n')).toString('hex');
      pieces.push(Buffer.from(`x-amz-trailer-signature:${signature}\r\n`));
    }
  }
  pieces.push(Buffer.from('\r\n'));
  return Buffer.concat(pieces);
}

/** By the query. */
export function presign(
  request: Unsigned,
  options: SignOptions & { readonly expires: number | string },
): Signed {
  const { key, stamp, region = 'us-east-1', service = 's3', mode = 'unsigned' } = options;
  const body = Buffer.from(request.body ?? new Uint8Array(0));
  const stated = request.headers?.['x-amz-content-sha256'];
  const payload = stated ?? (mode === 'signed' ? sha256(body) : words[mode]);
  const headers: Record<string, string> = { host: 'localhost:8080', ...request.headers };
  if (mode !== 'unsigned') headers['x-amz-content-sha256'] = payload;
  if (mode.startsWith('streaming')) announceFraming(headers, body, options);
  const names = Object.keys(headers)
    .map((name) => name.toLowerCase())
    .filter((name) => options.unsigned?.includes(name) !== true)
    .toSorted();
  const scope = [stamp.slice(0, 8), region, service, 'aws4_request'];
  const query = queryText({
    ...request.query,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${key.accessKeyId}/${scope.join('/')}`,
    'X-Amz-Date': stamp,
    'X-Amz-Expires': String(options.expires),
    'X-Amz-SignedHeaders': names.join(';'),
  });
  const path = encodePath(request.path);
  const canonical = [
    request.method,
    path,
    query,
    canonicalHeaders(headers, names),
    names.join(';'),
    payload,
  ].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', stamp, scope.join('/'), sha256(canonical)].join('\n');
  const signature = hmac(signingKey(key.secretAccessKey, scope), toSign).toString('hex');
  return {
    method: request.method,
    path,
    query: `${query}&X-Amz-Signature=${signature}`,
    headers,
    body: mode.startsWith('streaming') ? frame(body, { ...options, mode, scope, signature }) : body,
  };
}
