/** COPY, and PUT with X-Copy-From (swift/common/middleware/copy.py). */
import { type ErrorKind, isStoreError, StoreError } from '../../../base/errors.ts';
import type { Core, CopyObject } from '../../core/api.ts';
import type { ObjectAddress, RangeRequest } from '../../core/request.ts';
import type { PartClaim } from '../../core/large/manifest-command.ts';
import { type Metadata, type VersionRow, versionIdOf } from '../../core/model.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { parseRangeHeader } from '../../http/range.ts';
import { keepReplaced } from '../archive/keep.ts';
import type { ObjectCall } from '../call.ts';
import { reportType } from '../bulk/report.ts';
import { isTrue } from '../headers.ts';
import { manifestReply } from '../large/put-manifest.ts';
import { manifestEntry } from '../large/manifest-header.ts';
import { readManifest, wantsManifest } from '../large/manifest-view.ts';
import { checkMerged, readObjectMetadata } from '../metadata.ts';
import { guessType } from '../mime.ts';
import { nameText, quote, splitPath, unquote } from '../path.ts';
import { refuse, statusReply } from '../reply.ts';
import { isSymlinkPut, readLinkAccount, wantsLink } from '../symlink/link.ts';
import { formatLastModified } from '../timestamps.ts';
import { explainVersionError, madeVersionHeaders, readVersionId } from '../versions/version-id.ts';
import { judgeCopySource, readWriteCondition } from './conditions.ts';
import { opensExpired, readExpiry } from './expiry.ts';
import { readPartNumber } from './get.ts';
import {
  checkKeyLength,
  descriptionHeaders,
  readContentType,
  readSystemHeaders,
} from './object-headers.ts';

type CopyOutcome = Awaited<ReturnType<Core['copyObject']>>;
type CopyAddress = ObjectAddress & { readonly account: string };

/** `COPY source`, `Destination: container/object`. */
export async function copyObject(call: ObjectCall): Promise<HttpReply> {
  const destination = call.headers.get('destination') ?? '';
  if (destination === '') throw refuse(412, 'Destination header required');
  const account = readAccount(call, 'Destination-Account');
  const [container, key] = readObjectPath('Destination', destination);
  return runCopy(call, call, { account, container, key });
}

/** `PUT target`, `X-Copy-From: container/object`. */
export async function copyIntoObject(call: ObjectCall): Promise<HttpReply> {
  if ((call.request.contentLength ?? 0) > 0 || (await hasChunkedBody(call))) {
    throw refuse(400, 'Copy requests require a zero byte body');
  }
  const account = readAccount(call, 'X-Copy-From-Account');
  const [container, key] = readObjectPath('X-Copy-From', call.headers.get('x-copy-from') ?? '');
  return runCopy(call, { account, container, key }, call);
}

async function runCopy(
  call: ObjectCall,
  source: CopyAddress,
  target: CopyAddress,
): Promise<HttpReply> {
  const manifest = wantsManifest(call) ? await copyManifest(call, source, target) : undefined;
  if (manifest !== undefined) return manifest;
  const partNumber = await readSourcePart(call, source);
  const command = readCopy(call, { ...source, partNumber }, target);
  const outcome = await copyOrExplain(call, command, target);
  return statusReply(201, [
    ['Etag', outcome.row.etag],
    ['Last-Modified', formatLastModified(outcome.row.modifiedAt)],
    ...copiedHeaders(source, outcome.source),
    ...madeVersionHeaders(outcome),
    ...descriptionHeaders(outcome.row).filter(([name]) => name.startsWith('X-')),
  ]);
}

/** What the target may be refused with before the source was looked at. */
const ofTarget = new Set<ErrorKind>(['no-such-container', 'access-denied', 'unauthenticated']);

/** Core looks at the target first, Swift at the source: who may not read the source learns only that. */
async function copyOrExplain(
  call: ObjectCall,
  command: CopyObject,
  target: CopyAddress,
): Promise<CopyOutcome> {
  const { core } = call.door;
  const sourceAccount = command.source.account ?? call.account;
  try {
    await keepReplaced(call, addressOf(target));
    return await core.copyObject(call.context, command);
  } catch (error) {
    if (isStoreError(error) && ofTarget.has(error.kind)) {
      await core.openObject(call.context, { ...command.source, condition: {}, metadataOnly: true });
    }
    throw await explainVersionError({ ...call, ...command.source, account: sourceAccount }, error);
  }
}

/** `part-number` of a copy speaks of its source, and says nothing when that has no parts. */
async function readSourcePart(call: ObjectCall, source: CopyAddress): Promise<number | undefined> {
  const partNumber = readPartNumber(call);
  if (partNumber === undefined) return undefined;
  const versionId = readVersionId(call);
  const which = { ...addressOf(source), versionId, condition: {}, metadataOnly: true };
  const { large, row } = await call.door.core.openObject(call.context, which);
  return large === 'static' || row.body.type === 'parts' ? partNumber : undefined;
}

/** The manifest of a static large object is put again, and so checked again, at the target; undefined: the source is none. */
async function copyManifest(
  call: ObjectCall,
  source: CopyAddress,
  target: CopyAddress,
): Promise<HttpReply | undefined> {
  const versionId = readVersionId(call);
  const which = { ...addressOf(source), versionId, condition: {}, asManifest: true };
  // The permit may be for the target, which can be the same object.
  const { permit: _ofRequest, ...reading } = call.context;
  const reader = await call.door.core.openObject(reading, which);
  if (reader.large !== 'static') return undefined;
  const { describe, condition } = readCopy(call, source, target);
  const { checksums: _checksums, ...description } = await describe(reader.row);
  const parts = await readManifest(reader);
  const claims = parts.map((part): PartClaim => {
    if (part.type === 'data') return part;
    const { type, container, key, etag, size, range } = part;
    return { type, container, key, etag, size, range };
  });
  const paths = parts.map((part) => (part.type === 'data' ? '' : `/${part.container}/${part.key}`));
  const command = { ...addressOf(target), ...description, parts: claims, condition };
  const type = reportType(call.headers) ?? 'text/plain';
  const reply = await manifestReply(call, type, { command, paths });
  const copied = copiedHeaders(source, reader.row);
  return reply.status === 201 ? { ...reply, headers: [...reply.headers, ...copied] } : reply;
}

function copiedHeaders(source: CopyAddress, row: VersionRow): [string, string][] {
  return [
    ['X-Copied-From', quote(`${source.container}/${source.key}`)],
    ['X-Copied-From-Account', quote(source.account)],
    ['X-Copied-From-Last-Modified', formatLastModified(row.modifiedAt)],
    ...(row.isNull ? [] : [['X-Copied-From-Version-Id', versionIdOf(row)] as [string, string]]),
  ];
}

function readCopy(
  call: ObjectCall,
  source: CopyAddress & { readonly partNumber?: number | undefined },
  target: CopyAddress,
): CopyObject {
  const { headers } = call;
  checkKeyLength(call, target.key);
  if (isSymlinkPut(call)) throw refuse(400, 'Symlink requests require a zero byte body');
  const fresh = isTrue(headers.get('x-fresh-metadata'));
  const contentType = isTrue(headers.get('x-detect-content-type'))
    ? guessType(target.key)
    : readContentType(headers);
  const user = readObjectMetadata(headers);
  const system = readSystemHeaders(headers);
  const expiresAt = readExpiry(headers, call.door.clock.now());
  return {
    source: {
      ...addressOf(source),
      versionId: readVersionId(call),
      allowExpired: opensExpired(call),
      links: wantsLink(call) ? 'keep' : 'follow',
      partNumber: source.partNumber,
      asManifest: wantsManifest(call),
    },
    target: addressOf(target),
    linkAccount: readLinkAccount(call),
    // Swift's conditions are judged in `describe`, which sees the source's row.
    sourceCondition: {},
    range: readRange(headers.get('range')),
    condition: readWriteCondition(conditionsOfTarget(headers)),
    describe: (row: VersionRow) => {
      judgeCopySource(headers, row);
      refuseTooLarge(call, row);
      if (!fresh) checkMerged(row.user, user);
      const inherited = fresh ? undefined : row;
      return {
        contentType: contentType ?? row.contentType,
        system: { ...inheritedSystem(call, row, fresh), ...system },
        user: { ...inherited?.user, ...user },
        expiresAt: expiresAt ?? inherited?.expiresAt,
      };
    },
  };
}

/** The copy of a large object's content is no manifest; that of a manifest is one, fresh metadata or not. */
function inheritedSystem(call: ObjectCall, row: VersionRow, fresh: boolean): Metadata {
  const { [manifestEntry]: manifest, ...others } = row.system;
  const kept = fresh ? {} : others;
  return wantsManifest(call) && manifest !== undefined
    ? { ...kept, [manifestEntry]: manifest }
    : kept;
}

function addressOf({ account, container, key }: CopyAddress): CopyAddress {
  return { account, container, key };
}

/** Of a copy's conditions only `If-None-Match: *` speaks of the target: it must not exist. The others are the source's. */
function conditionsOfTarget(headers: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const value = headers.get('if-none-match');
  return new Map(value === undefined ? [] : [['if-none-match', value]]);
}

function refuseTooLarge(call: ObjectCall, row: VersionRow): void {
  // A copy becomes one object with one MD5, as a PUT does, and is bounded like one.
  if (row.size > call.door.core.limits.maxBodyBytes) {
    throw new StoreError('too-large', 'object.copy', 'the source is larger than an object may be');
  }
}

/** One range. Swift would store the MIME document of several; nobody can want that. */
function readRange(header: string | undefined): RangeRequest | undefined {
  const ranges = parseRangeHeader(header, { blanksAnywhere: true });
  if (ranges !== undefined && ranges.length > 1) {
    throw refuse(501, 'Copies of several ranges are not supported');
  }
  return ranges?.[0];
}

function readAccount(call: ObjectCall, header: string): string {
  const value = call.headers.get(header.toLowerCase());
  if (value === undefined) return call.account;
  const account = nameText(unquote(value));
  if (account === '') throw refuse(412, 'Account name cannot be empty');
  if (account.includes('/')) throw refuse(412, 'Account name cannot contain slashes');
  return account;
}

function readObjectPath(header: string, value: string): [container: string, key: string] {
  const path = nameText(unquote(value));
  const segments = splitPath(path.startsWith('/') ? path : `/${path}`, 2, 2);
  const [container, key] = segments ?? [];
  if (container === undefined || key === undefined) {
    throw refuse(412, `${header} header must be of the form <container name>/<object name>`);
  }
  return [container, key];
}

async function hasChunkedBody(call: ObjectCall): Promise<boolean> {
  if (!call.request.isChunked) return false;
  for await (const chunk of call.request.body()) if (chunk.length > 0) return true;
  return false;
}
