/**
 * What core promises, as naively as it can be said: arrays of versions, newest first, which one of them is
 * current, and sums counted anew each time. This file is the specification that the model test holds core against.
 */
import { createHash } from 'node:crypto';
import { compareUtf8 } from '../../../base/bytes.ts';

export interface ModelVersion {
  readonly stamp: number;
  readonly isNull: boolean;
  readonly marker: boolean;
  readonly bytes: Uint8Array;
  readonly etag: string;
  user: string;
  expiresAt: number | undefined;
}

export interface ModelPart {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

interface ModelUpload {
  readonly key: string;
  readonly parts: Map<number, ModelPart>;
  /** Etag of the object that it became. */
  completed: string | undefined;
}

export interface ModelCondition {
  readonly ifMatch?: readonly string[] | '*';
  readonly ifNoneMatch?: '*';
}

export type Versioning = 'off' | 'enabled' | 'suspended';

const md5 = (bytes: Uint8Array): Buffer => createHash('md5').update(bytes).digest();

/** One container. Methods return the kind of error, or undefined for success. */
export class Model {
  versioning: Versioning = 'off';
  now: number;
  readonly #versions = new Map<string, ModelVersion[]>();
  /** Stamp of the version that is current; undefined: none is. */
  readonly #current = new Map<string, number | undefined>();
  readonly #uploads = new Map<string, ModelUpload>();
  readonly #minPartBytes: number;

  constructor(now: number, minPartBytes: number) {
    this.now = now;
    this.#minPartBytes = minPartBytes;
  }

  versionsOf(key: string): readonly ModelVersion[] {
    return this.#versions.get(key) ?? [];
  }

  /** The object that a plain GET sees. */
  visible(key: string): ModelVersion | undefined {
    const current = this.current(key);
    if (current === undefined || current.marker || this.#isExpired(current)) return undefined;
    return current;
  }

  current(key: string): ModelVersion | undefined {
    const stamp = this.#current.get(key);
    return this.versionsOf(key).find((version) => version.stamp === stamp);
  }

  #isExpired(version: ModelVersion): boolean {
    return version.expiresAt !== undefined && version.expiresAt <= this.now;
  }

  check(key: string, condition: ModelCondition): string | undefined {
    const visible = this.visible(key);
    const { ifMatch, ifNoneMatch } = condition;
    if (ifMatch !== undefined) {
      if (visible === undefined) return 'no-such-object';
      if (ifMatch !== '*' && !ifMatch.includes(visible.etag)) return 'precondition-failed';
    }
    if (ifNoneMatch !== undefined && visible !== undefined) return 'precondition-failed';
    return undefined;
  }

  put(
    key: string,
    bytes: Uint8Array,
    more: { stamp: number; expiresAt?: number | undefined },
  ): void {
    const etag = md5(bytes).toString('hex');
    this.#push(key, { marker: false, bytes, etag, user: '', ...more });
  }

  #push(
    key: string,
    version: Omit<ModelVersion, 'isNull' | 'expiresAt'> & { expiresAt?: number | undefined },
  ): void {
    const isNull = this.versioning !== 'enabled';
    const kept = this.versionsOf(key).filter((old) => !(isNull && old.isNull));
    this.#versions.set(key, [{ expiresAt: undefined, ...version, isNull }, ...kept]);
    this.#setCurrent(key, version.stamp);
  }

  #setCurrent(key: string, stamp: number | undefined): void {
    this.#current.set(key, stamp);
    // A date of expiry ends with being current, but for null versions.
    for (const version of this.versionsOf(key)) {
      if (version.stamp !== stamp && !version.isNull) version.expiresAt = undefined;
    }
  }

  promote(key: string, stamp: number): void {
    this.#setCurrent(key, stamp);
  }

  /** Swift's deletion without a marker, or of `null`: a version with a name stays, but is not current. */
  dropCurrent(key: string): void {
    const current = this.visible(key);
    if (current?.isNull === true) this.removeVersion(key, current.stamp, true);
    else if (current !== undefined) this.#setCurrent(key, undefined);
  }

  /** Deletion without a version id. `stamp`: of the marker, if there is one. */
  delete(key: string, stamp: number | undefined): void {
    if (this.versioning === 'off') {
      this.#versions.delete(key);
    } else if (stamp !== undefined) {
      this.#push(key, { marker: true, bytes: Buffer.alloc(0), etag: '', user: '', stamp });
    }
  }

  removeVersion(key: string, stamp: number, leavesGap = false): void {
    const wasCurrent = this.#current.get(key) === stamp;
    const left = this.versionsOf(key).filter((version) => version.stamp !== stamp);
    if (left.length === 0) this.#versions.delete(key);
    else this.#versions.set(key, left);
    if (wasCurrent) this.#current.set(key, leavesGap ? undefined : left[0]?.stamp);
  }

  createUpload(uploadId: string, key: string): void {
    this.#uploads.set(uploadId, { key, parts: new Map(), completed: undefined });
  }

  openUploads(): readonly { uploadId: string; key: string }[] {
    return [...this.#uploads]
      .filter(([, upload]) => upload.completed === undefined)
      .map(([uploadId, { key }]) => ({ uploadId, key }));
  }

  upload(uploadId: string): ModelUpload | undefined {
    return this.#uploads.get(uploadId);
  }

  putPart(uploadId: string, partNumber: number, bytes: Uint8Array): string | undefined {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined || upload.completed !== undefined) return 'no-such-upload';
    upload.parts.set(partNumber, { bytes, etag: md5(bytes).toString('hex') });
    return undefined;
  }

  abort(uploadId: string): string | undefined {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined || upload.completed !== undefined) return 'no-such-upload';
    this.#uploads.delete(uploadId);
    return undefined;
  }

  checkComplete(
    uploadId: string,
    listed: readonly { partNumber: number; etag: string }[],
    condition: ModelCondition,
  ): string | undefined {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined) return 'no-such-upload';
    if (upload.completed !== undefined) {
      const digests = Buffer.concat(listed.map(({ etag }) => Buffer.from(etag, 'hex')));
      const isSame = `${md5(digests).toString('hex')}-${listed.length}` === upload.completed;
      const isThere = this.current(upload.key)?.marker === false;
      return isSame && isThere ? undefined : 'no-such-upload';
    }
    if (listed.length === 0) return 'invalid-argument';
    const ordered = listed.every(
      ({ partNumber }, index) => index === 0 || (listed[index - 1]?.partNumber ?? 0) < partNumber,
    );
    if (!ordered) return 'invalid-part-order';
    const parts = listed.map(({ partNumber }) => upload.parts.get(partNumber));
    if (parts.some((part, index) => part === undefined || part.etag !== listed[index]?.etag)) {
      return 'invalid-part';
    }
    const isSmall = (part: ModelPart | undefined): boolean =>
      (part?.bytes.length ?? 0) < this.#minPartBytes;
    if (parts.slice(0, -1).some(isSmall)) return 'part-too-small';
    return this.check(upload.key, condition);
  }

  complete(uploadId: string, listed: readonly { partNumber: number }[], stamp: number): string {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined) throw new Error('checked before');
    if (upload.completed !== undefined) return upload.completed;
    const parts = listed.flatMap(({ partNumber }) => upload.parts.get(partNumber) ?? []);
    const bytes = Buffer.concat(parts.map((part) => part.bytes));
    const digests = Buffer.concat(parts.map((part) => md5(part.bytes)));
    const etag = `${md5(digests).toString('hex')}-${parts.length}`;
    this.#push(upload.key, { marker: false, bytes, etag, user: '', stamp });
    upload.completed = etag;
    return etag;
  }

  keys(): readonly string[] {
    return [...this.#versions.keys()].sort(compareUtf8);
  }

  /** Keys whose current version is an object (an expired one is listed until the expirer comes). */
  listed(): readonly string[] {
    return this.keys().filter((key) => this.current(key)?.marker === false);
  }

  usage(): Readonly<Record<string, number>> {
    const newest = this.listed().flatMap((key) => this.current(key) ?? []);
    const all = this.keys().flatMap((key) => this.versionsOf(key));
    const sum = (versions: readonly ModelVersion[]): number =>
      versions.reduce((total, version) => total + version.bytes.length, 0);
    return {
      objects: newest.length,
      bytes: sum(newest),
      versions: all.length,
      versionBytes: sum(all),
      uploads: this.openUploads().length,
    };
  }
}
