import { GiB } from '../../../base/units.ts';
import { isStoreError } from '../../../base/errors.ts';
import type { CopyObject } from '../../core/api.ts';
import {
  type Checksum,
  type ChecksumAlgorithm,
  type Metadata,
  type VersionRow,
  versionIdOf,
} from '../../core/model.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import { askLater, isAbsence, mayKnowAbsence } from '../access/admit.ts';
import { accessOfNewObject } from '../acl/new-object.ts';
import { type Call, objectOf } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { sourceCondition, writeCondition } from '../conditions.ts';
import { formatIsoDate } from '../dates.ts';
import { pushNewEncryption, readEncryption, readSourceKey } from '../encryption/headers.ts';
import { readLock } from '../lock/lock-headers.ts';
import { pushNewVersion, readObjectHeaders, shownChecksum, shownType } from '../object-headers.ts';
import { parseAlgorithm } from '../payload/checksum-headers.ts';
import { usualChecksums } from '../payload/payload.ts';
import { pushExpiration } from '../lifecycle/shown-headers.ts';
import { readStorageClass } from '../lifecycle/storage-class.ts';
import { copiedTags } from '../tagging/object-tagging.ts';
import { REDIRECT, readRedirectHeader } from '../website/redirect.ts';
import { xmlReply } from '../xml/reply.ts';
import { escapeXml, leaf, xmlDocument } from '../xml/writer.ts';
import { copySourceOf } from './copy-source.ts';

const MAX_COPY_BYTES = 5 * GiB;

/** CopyObject. */
export async function copyObject(call: Call): Promise<HttpReply> {
  const source = copySourceOf(call);
  const range = call.headers.get('range');
  if (range !== undefined) throw invalidArgument('Range', range, 'RANGE is not supported in Copy!');
  const directive = parseDirective(call.headers.get('x-amz-metadata-directive'));
  const asked = readWishes(call);
  const isSelf = source.container === call.bucket && source.key === call.key;
  // An older version may be copied over the current one: that brings it back.
  const keepsClass = call.headers.get('x-amz-storage-class') === undefined;
  const encryption = readEncryption(call);
  const isSame = directive === 'COPY' && keepsClass && encryption === undefined;
  if (isSelf && source.versionId === undefined && isSame) {
    throw s3Error(
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  const access = await accessOfNewObject(call);
  const outcome = await asCopy(call, () =>
    call.door.core.copyObject(call.context, {
      source: { ...source, customerKey: readSourceKey(call) },
      sourceCondition: sourceCondition(call.headers),
      target: objectOf(call),
      encryption,
      condition: writeCondition(call),
      storageClass: readStorageClass(call),
      describe: describer(call, directive, { ...asked, access }),
    }),
  );
  const { row } = outcome;
  const headers: HeaderPairs = [];
  pushExpiration(headers, outcome.expiration);
  pushSourceVersion(headers, outcome.source);
  pushNewEncryption(headers, row.encryption, call);
  pushNewVersion(headers, row);
  return xmlReply(
    xmlDocument('CopyObjectResult', copyMarkup(row) + checksumElements(row)),
    headers,
  );
}

function parseDirective(text: string | undefined): 'COPY' | 'REPLACE' {
  const word = text?.toUpperCase() ?? 'COPY';
  if (word === 'COPY' || word === 'REPLACE') return word;
  throw invalidArgument('x-amz-metadata-directive', text ?? '', 'Unknown metadata directive.');
}

interface Wishes {
  readonly asked: readonly ChecksumAlgorithm[] | undefined;
  /** Looked at, and so refused where they are wrong, also when the source's are taken over. */
  readonly headers: ReturnType<typeof readObjectHeaders>;
  readonly tagsOf: ReturnType<typeof copiedTags>;
}

/** What the headers ask for; what they cannot ask for is told before the copy itself is judged. */
function readWishes({ headers }: Call): Wishes {
  const named = headers.get('x-amz-checksum-algorithm');
  return {
    asked: named === undefined ? undefined : [parseAlgorithm(named)],
    headers: readObjectHeaders(headers),
    tagsOf: copiedTags(headers),
  };
}

function describer(
  call: Call,
  directive: 'COPY' | 'REPLACE',
  wishes: Wishes & { readonly access: Metadata },
): CopyObject['describe'] {
  const { asked, tagsOf, access } = wishes;
  const replacement = directive === 'REPLACE' ? wishes.headers : undefined;
  const takesTags = call.headers.get('x-amz-tagging-directive')?.toUpperCase() !== 'REPLACE';
  const lock = readLock(call.headers);
  // Of the source's it is never taken over.
  const redirect = readRedirectHeader(call.headers);
  const pointing: Metadata = redirect === undefined ? {} : { [REDIRECT]: redirect };
  return async (source) => {
    if (source.size > MAX_COPY_BYTES) {
      throw s3Error(
        'InvalidRequest',
        `The specified copy source is larger than the maximum allowable size for a copy source: ${MAX_COPY_BYTES}`,
      );
    }
    const described = replacement ?? carriedOver(source);
    const own = source.checksums.map((one) => one.algorithm);
    const checksums = asked ?? (own.length === 0 ? usualChecksums : own);
    const tags = tagsOf(source);
    if (takesTags && Object.keys(tags).length > 0) await askForTags(call);
    const system = { ...described.system, ...tags, ...pointing, ...access };
    return { ...described, system, lock, checksums };
  };
}

/** Tags that a copy takes over are read there and set here (Amazon S3 API reference, CopyObject, "Permissions"). */
async function askForTags(call: Call): Promise<void> {
  const { versionId, ...source } = copySourceOf(call);
  const action = versionId === undefined ? 'object.read-tags' : 'object.read-version-tags';
  // The permit is for the target.
  const { permit: _ofTarget, ...context } = call.context;
  const address = { ...source, versionId };
  await call.door.core.authorise(context, { address, actions: [action] });
  await askLater(call, ['object.bring-tags']);
}

/** What S3 itself keeps of an object (tags, grants, locks) has rules of its own; all else goes along. */
function carriedOver(source: VersionRow): Pick<VersionRow, 'contentType' | 'system' | 'user'> {
  const { contentType, user } = source;
  const entries = Object.entries(source.system).filter(([name]) => !name.startsWith('s3:'));
  return { contentType, system: Object.fromEntries(entries), user };
}

/** Amazon answers a condition on the source that says "not modified" with 412, for a copy is no GET; and a delete marker as source with its own codes. */
export async function asCopy<T>(call: Call, copy: () => Promise<T>): Promise<T> {
  try {
    return await copy();
  } catch (error) {
    if (isStoreError(error, 'not-modified')) throw s3Error('PreconditionFailed');
    if (isAbsence(error)) await concealSource(call);
    if (isStoreError(error, 'is-delete-marker')) {
      const isNamed = call.headers.get('x-amz-copy-source')?.includes('?versionId=') === true;
      if (!isNamed) throw s3Error('NoSuchKey');
      throw s3Error(
        'InvalidRequest',
        'The source of a copy request may not specifically refer to a delete marker by version id.',
      );
    }
    throw error;
  }
}

/** Who may not list the source's bucket does not learn what is not in it. */
async function concealSource(call: Call): Promise<void> {
  const { container, key } = copySourceOf(call);
  // The permit is for the target.
  const { permit: _ofTarget, ...context } = call.context;
  if (await mayKnowAbsence(context, call, { bucket: container, key })) return;
  throw s3Error('AccessDenied');
}

export function pushSourceVersion(headers: HeaderPairs, source: VersionRow): void {
  // A version written before versioning has no id to show.
  if (!source.isNull) headers.push(['x-amz-copy-source-version-id', versionIdOf(source)]);
}

/** The inside of CopyObjectResult and CopyPartResult; checksums come after it. */
export function copyMarkup(row: { readonly modifiedAt: number; readonly etag: string }): string {
  return (
    leaf('LastModified', formatIsoDate(row.modifiedAt / 1000)) +
    `<ETag>&quot;${escapeXml(row.etag)}&quot;</ETag>`
  );
}

/** `<ChecksumCRC32>…</ChecksumCRC32><ChecksumType>…`; `isCounted`: composite ones end in `-N`. */
export function checksumElements(
  row: { readonly etag: string; readonly checksums: readonly Checksum[] },
  isCounted = true,
): string {
  let markup = '';
  for (const checksum of row.checksums) {
    const name = `Checksum${checksum.algorithm.toUpperCase()}`;
    markup += leaf(name, isCounted ? shownChecksum(checksum, row.etag) : checksum.value);
    markup += leaf('ChecksumType', shownType(checksum.type));
  }
  return markup;
}
