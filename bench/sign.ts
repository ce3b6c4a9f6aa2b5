import { createHash, createHmac } from 'node:crypto';

export interface Target {
  readonly url: URL;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
}

const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

/** SigV4 by header. The signature holds for 15 minutes, so requests are signed before the clock starts. */
export function sign(
  target: Target,
  request: { method: string; path: string; query?: string; payloadHash: string; size?: number },
): SignedRequest {
  const date = `${new Date().toISOString().replace(/[-:]/g, '').slice(0, 15)}Z`;
  const day = date.slice(0, 8);
  const headers: Record<string, string> = {
    host: target.url.host,
    'x-amz-content-sha256': request.payloadHash,
    'x-amz-date': date,
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    request.method,
    request.path,
    request.query ?? '',
    ...names.map((name) => `${name}:${headers[name] ?? ''}`),
    '',
    names.join(';'),
    request.payloadHash,
  ].join('\n');
  const scope = `${day}/${target.region}/s3/aws4_request`;
  const digest = createHash('sha256').update(canonical).digest('hex');
  let key: Buffer = hmac(`AWS4${target.secretAccessKey}`, day);
  for (const part of [target.region, 's3', 'aws4_request']) key = hmac(key, part);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${digest}`).toString('hex');
  headers['authorization'] =
    `AWS4-HMAC-SHA256 Credential=${target.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  if (request.size !== undefined) headers['content-length'] = String(request.size);
  const query = request.query === undefined || request.query === '' ? '' : `?${request.query}`;
  return { method: request.method, path: request.path + query, headers };
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
