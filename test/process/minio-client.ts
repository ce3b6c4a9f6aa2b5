import { Client, type ClientOptions } from 'minio';
import type { ServerProcess } from './server.ts';

/** MinIO's client, with the server's first credentials, over http unless `more` says otherwise. */
export function minioOf(server: ServerProcess, more: Partial<ClientOptions> = {}): Client {
  const url = new URL(more.useSSL === true ? server.httpsUrl : server.httpUrl);
  const { accessKeyId, secretAccessKey } = server.credentials;
  return new Client({
    endPoint: url.hostname,
    port: Number(url.port),
    useSSL: false,
    accessKey: accessKeyId,
    secretKey: secretAccessKey,
    region: 'us-east-1',
    ...more,
  });
}
