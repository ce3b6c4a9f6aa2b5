/** What a store is to have, written through some doors and read back through others: for tests in which stores are lost and made again. */
import { createHash, randomBytes } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';

const versioned = 'versioned';
const partBytes = 5 * 1024 * 1024;

interface KeptVersion {
  readonly key: string;
  readonly versionId: string;
  /** Undefined: a delete marker. */
  readonly sha256: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Runs tasks, so many at a time. */
async function each<Item>(
  items: readonly Item[],
  run: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = [...items].values();
  const work = async (): Promise<void> => {
    for (const item of waiting) await run(item);
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

export class KeptObjects {
  /** Containers without versions: key to digest. */
  readonly #plain = new Map<string, Map<string, string>>();
  /** Newest last. */
  readonly #versions: KeptVersion[] = [];

  get count(): number {
    return [...this.#plain.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Small objects and large ones, in turn through each of the clients. */
  async write(clients: readonly S3Client[], containers: number, objects: number): Promise<void> {
    const names = Array.from({ length: containers }, (_, i) => `kept-${this.#plain.size + i}`);
    for (const [i, Bucket] of names.entries()) {
      await clientAt(clients, i).send(new CreateBucketCommand({ Bucket }));
      this.#plain.set(Bucket, new Map());
    }
    const all = names.flatMap((Bucket) =>
      Array.from({ length: objects }, (_, i) => ({ Bucket, i, Key: `${i % 7}/object-${i}` })),
    );
    await each(all, async ({ Bucket, Key, i }) => {
      const Body = randomBytes(i % 10 === 9 ? 20_000 + 3000 * (i % 100) : 10 * (i % 100));
      await clientAt(clients, i).send(new PutObjectCommand({ Bucket, Key, Body }));
      this.#plain.get(Bucket)?.set(Key, sha256(Body));
    });
  }

  /** A container with versions, metadata, a delete marker and an object of several parts. */
  async writeVersions(clients: readonly S3Client[]): Promise<void> {
    const Bucket = versioned;
    const [one, other] = [clientAt(clients, 0), clientAt(clients, 1)];
    await one.send(new CreateBucketCommand({ Bucket }));
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await one.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    for (let round = 0; round < 3; round++) {
      for (const [i, Key] of ['a', 'b/c', 'd'].entries()) {
        const metadata = { round: String(round), key: `of ${i}` };
        const Body = randomBytes(round === 1 ? 300_000 : 100);
        const put = new PutObjectCommand({ Bucket, Key, Body, Metadata: metadata });
        const { VersionId = '' } = await clientAt(clients, round + i).send(put);
        this.#versions.push({ key: Key, versionId: VersionId, sha256: sha256(Body), metadata });
      }
    }
    await this.#writeParts([one, other]);
    const gone = await other.send(new DeleteObjectCommand({ Bucket, Key: 'd' }));
    const versionId = gone.VersionId ?? '';
    this.#versions.push({ key: 'd', versionId, sha256: undefined, metadata: {} });
  }

  /** Its parts come through different doors. */
  async #writeParts(clients: readonly S3Client[]): Promise<void> {
    const at = { Bucket: versioned, Key: 'parts' };
    const metadata = { made: 'of parts' };
    const { UploadId } = await clientAt(clients, 0).send(
      new CreateMultipartUploadCommand({ ...at, Metadata: metadata }),
    );
    const parts = [randomBytes(partBytes), randomBytes(1000)];
    const Parts = [];
    for (const [i, Body] of parts.entries()) {
      const part = new UploadPartCommand({ ...at, UploadId, PartNumber: i + 1, Body });
      const { ETag } = await clientAt(clients, i).send(part);
      Parts.push({ ETag, PartNumber: i + 1 });
    }
    const { VersionId = '' } = await clientAt(clients, 1).send(
      new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }),
    );
    const whole = sha256(Buffer.concat(parts));
    this.#versions.push({ key: 'parts', versionId: VersionId, sha256: whole, metadata });
  }

  /** In words what is not as it was written, through one client; empty: nothing. `step`: of so many objects one is read, all are listed. */
  async wrong(client: S3Client, step = 1): Promise<readonly string[]> {
    const wrong: string[] = [];
    for (const [Bucket, objects] of this.#plain) {
      const listed = await listAll(client, Bucket);
      const expected = [...objects.keys()].toSorted((a, b) => (a < b ? -1 : 1));
      if (listed.join('\n') !== expected.join('\n')) {
        wrong.push(`${Bucket} lists ${listed.length} of ${expected.length} keys, or others`);
      }
      const sample = [...objects].filter((_, i) => i % step === 0);
      await each(sample, async ([Key, digest]) => {
        const found = await read(client, { Bucket, Key });
        if (found.digest !== digest) wrong.push(`${Bucket}/${Key}: ${found.digest}`);
      });
    }
    return [...wrong, ...(await this.#wrongVersions(client))];
  }

  async #wrongVersions(client: S3Client): Promise<readonly string[]> {
    if (this.#versions.length === 0) return [];
    const Bucket = versioned;
    const wrong: string[] = [];
    const { Versions = [], DeleteMarkers = [] } = await client.send(
      new ListObjectVersionsCommand({ Bucket }),
    );
    const listed = [...Versions, ...DeleteMarkers].map((one) => `${one.Key} ${one.VersionId}`);
    const expected = this.#versions.map(({ key, versionId }) => `${key} ${versionId}`);
    if (listed.toSorted().join('\n') !== expected.toSorted().join('\n')) {
      wrong.push(`versions: ${listed.join(', ')}`);
    }
    for (const { key, versionId, sha256: digest, metadata } of this.#versions) {
      if (digest === undefined) continue;
      const found = await read(client, { Bucket, Key: key, VersionId: versionId });
      const same = JSON.stringify(found.metadata) === JSON.stringify(metadata);
      if (found.digest !== digest || !same) wrong.push(`${key} ${versionId}: ${found.digest}`);
    }
    return wrong;
  }
}

function clientAt(clients: readonly S3Client[], place: number): S3Client {
  const client = clients[place % clients.length];
  if (client === undefined) throw new Error('there is no client');
  return client;
}

async function listAll(client: S3Client, Bucket: string): Promise<readonly string[]> {
  const keys: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(new ListObjectsV2Command({ Bucket, ContinuationToken }));
    keys.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return keys;
}

async function read(
  client: S3Client,
  at: { readonly Bucket: string; readonly Key: string; readonly VersionId?: string },
): Promise<{ readonly digest: string; readonly metadata: Readonly<Record<string, string>> }> {
  try {
    const { Body, Metadata = {} } = await client.send(new GetObjectCommand(at));
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
    return { digest: sha256(bytes), metadata: Metadata };
  } catch (error) {
    return { digest: error instanceof Error ? error.name : 'failed', metadata: {} };
  }
}
