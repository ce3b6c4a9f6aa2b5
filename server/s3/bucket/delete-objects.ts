import { type StoreError, isStoreError } from '../../../base/errors.ts';
import type { Action } from '../../core/access/actions.ts';
import type { RequestContext } from '../../core/request.ts';
import type { WriteCondition } from '../../core/commands.ts';
import { parseEntityTags } from '../../http/conditional.ts';
import { checkKeyLength } from '../address.ts';
import { type Call, type KeyDeletion, type S3Reply, bucketOf } from '../call.ts';
import { parseModifiedAt, parseSize } from '../conditions.ts';
import { failureOf } from '../error-table.ts';
import { wishesBypass } from '../lock/lock-headers.ts';
import { shownDeletion } from '../object/delete.ts';
import { parseVersionId } from '../object/version-id.ts';
import { readRequiredXml } from '../payload/document.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, leaf, xmlDocument } from '../xml/writer.ts';

const MAX_KEYS = 1000;
/** A thousand keys of a kilobyte, each written as references, stay below it. */
const MAX_BYTES = 2 * 1024 * 1024;
/** Deletions under way at once: enough to fill a shard's commit batch. */
const CONCURRENCY = 16;

interface Deletion {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly condition: WriteCondition;
}

interface Result {
  readonly markup: string;
  readonly told: KeyDeletion;
}

/** DeleteObjects: one deletion a key, each with its own outcome, in the order asked. */
export async function deleteObjects(call: Call): Promise<S3Reply> {
  const root = await readRequiredXml(call, {
    root: 'Delete',
    maxBytes: MAX_BYTES,
    needsDigest: true,
  });
  const { deletions, quiet } = parseDelete(root);
  const results: Result[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < deletions.length; index = next++) {
      const deletion = deletions[index];
      if (deletion !== undefined) results[index] = await deleteOne(call, deletion, quiet);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  const markup = results.map((result) => result.markup).join('');
  const told = results.map((result) => result.told);
  return { ...xmlReply(xmlDocument('DeleteResult', markup)), deletions: told };
}

function parseDelete(root: XmlNode): {
  readonly deletions: readonly Deletion[];
  readonly quiet: boolean;
} {
  const others = root.children.filter((child) => child.name !== 'Object');
  const [quiet] = onlyChildren({ ...root, children: others }, ['Quiet']);
  const deletions = root.children.filter((child) => child.name === 'Object').map(parseObject);
  if (deletions.length === 0 || deletions.length > MAX_KEYS) throw malformedXml();
  return { deletions, quiet: quiet !== undefined && parseBoolean(leafText(quiet)) };
}

function parseBoolean(text: string): boolean {
  const word = text.trim().toLowerCase();
  if (word !== 'true' && word !== 'false') throw malformedXml();
  return word === 'true';
}

function parseObject(node: XmlNode): Deletion {
  const names = ['Key', 'VersionId', 'ETag', 'LastModifiedTime', 'Size'];
  const [key, versionId, etag, time, size] = onlyChildren(node, names);
  return {
    key: leafText(required(key)),
    versionId: versionId === undefined ? undefined : leafText(versionId),
    condition: {
      ifMatch: etag === undefined ? undefined : parseEntityTags(leafText(etag)),
      ifModifiedAt: time === undefined ? undefined : parseModifiedAt(leafText(time)),
      ifSize: size === undefined ? undefined : parseSize(leafText(size)),
    },
  };
}

async function deleteOne(call: Call, deletion: Deletion, quiet: boolean): Promise<Result> {
  const { key, versionId, condition } = deletion;
  try {
    checkKeyLength(key);
    const context = await admitDeletion(call, deletion);
    const outcome = await call.door.core.deleteObject(context, {
      ...bucketOf(call),
      key,
      versionId: parseVersionId(versionId),
      condition,
      bypassGovernance: wishesBypass(call.headers),
    });
    const shown = shownDeletion(outcome, versionId);
    const told = { key, versionId: shown.versionId, status: 204, errorCode: undefined };
    if (quiet) return { markup: '', told };
    const marker = shown.isMarker
      ? leaf('DeleteMarker', true) + leaf('DeleteMarkerVersionId', shown.versionId)
      : '';
    const inside = leaf('Key', key) + leaf('VersionId', versionId) + marker;
    return { markup: element('Deleted', inside), told };
  } catch (error) {
    if (!isStoreError(error)) throw error;
    const { status, code } = failureOf(error);
    const told = { key, versionId, status, errorCode: code };
    return { markup: errorMarkup(deletion, error), told };
  }
}

/** Each key is a request of its own to the rules. */
function admitDeletion(call: Call, deletion: Deletion): Promise<RequestContext> {
  const { key, condition } = deletion;
  const versionId = parseVersionId(deletion.versionId);
  const actions: Action[] = [versionId === undefined ? 'object.delete' : 'object.delete-version'];
  // Whoever may compare entity tags learns them.
  if (condition.ifMatch !== undefined) actions.push('object.read');
  const address = { ...bucketOf(call), key, versionId };
  return call.door.core.authorise(call.context, { address, actions });
}

function errorMarkup(deletion: Deletion, error: StoreError): string {
  const { code, message } = failureOf(error);
  return element(
    'Error',
    leaf('Key', deletion.key) +
      leaf('VersionId', deletion.versionId) +
      leaf('Code', code) +
      leaf('Message', message),
  );
}
