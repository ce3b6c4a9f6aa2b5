import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { Credentials } from './server.ts';

/** A server, or a node of a cluster. */
interface Served {
  readonly httpUrl: string;
  readonly credentials: Credentials;
}

/** Amazon's own client, with the server's first credentials, over http. `maxAttempts: 1`: nothing hides behind a repetition. */
export function s3ClientOf(
  server: Served,
  more: Pick<S3ClientConfig, 'maxAttempts'> = {},
): S3Client {
  const { accessKeyId, secretAccessKey } = server.credentials;
  return new S3Client({
    endpoint: server.httpUrl,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    ...more,
  });
}
