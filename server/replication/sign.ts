/** Signature Version 4 of requests that we send ("Authenticating Requests: Using the Authorization Header"). */
import { createHash, createHmac } from 'node:crypto';

export interface Signer {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface ToSign {
  readonly method: string;
  /** Percent-encoded, as it is sent. */
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  /** By lower-case name; `host` among them. All are signed. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of `x-amz-content-sha256`. */
  readonly payloadHash: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest();
}

export function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Sorted, as it is signed and as it may be sent. */
export function queryText(query: ToSign['query']): string {
  return query
    .map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`)
    .toSorted()
    .join('&');
}

/** The headers to send: those given, and the three that signing adds. */
export function signed(signer: Signer, request: ToSign): Readonly<Record<string, string>> {
  const stamp = new Date(request.now).toISOString().replace(/[-:]|\.\d+/g, '');
  const headers: Record<string, string> = {
    ...request.headers,
    'x-amz-date': stamp,
    'x-amz-content-sha256': request.payloadHash,
  };
  const names = Object.keys(headers).toSorted();
  const canonical = [
    request.method,
    request.path,
    queryText(request.query),
    // Wire bytes: a header's value is a latin1 string of them.
    ...names.map((name) => `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    request.payloadHash,
  ].join('\n');
  const day = stamp.slice(0, 8);
  const scope = `${day}/${signer.region}/s3/aws4_request`;
  const digest = createHash('sha256').update(canonical, 'latin1').digest('hex');
  const text = ['AWS4-HMAC-SHA256', stamp, scope, digest].join('\n');
  const dayKey = hmac(`AWS4${signer.secretAccessKey}`, day);
  const key = hmac(hmac(hmac(dayKey, signer.region), 's3'), 'aws4_request');
  const signature = createHmac('sha256', key).update(text).digest('hex');
  const credential = `${signer.accessKeyId}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { ...headers, authorization };
}
