/** GetObjectTagging, PutObjectTagging, DeleteObjectTagging; and the tags that writes bring along. */
import type { RequestContext } from '../../core/request.ts';
import { type Metadata, type VersionRow, versionIdOf } from '../../core/model.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import { actionsOf, askLater } from '../access/admit.ts';
import { factsOf } from '../access/facts.ts';
import { type Call, objectOf } from '../call.ts';
import { invalidArgument } from '../codes.ts';
import { pushVersion } from '../object-headers.ts';
import { asMarkerError, openRow } from '../object/open-row.ts';
import { parseVersionId } from '../object/version-id.ts';
import { readRequiredXml } from '../payload/document.ts';
import type { RequestHeaders } from '../request-headers.ts';
import { xmlReply } from '../xml/reply.ts';
import { xmlDocument } from '../xml/writer.ts';
import {
  MAX_OBJECT_TAGS,
  TAGGING,
  TAGGING_HEADER,
  type Tag,
  parseTagging,
  parseTaggingHeader,
  readStoredTags,
  storedTags,
  tagSetMarkup,
} from './tags.ts';

export async function getObjectTagging(call: Call): Promise<HttpReply> {
  const { row, container } = await openRow(call);
  const headers: HeaderPairs = [];
  pushVersion(headers, row, container.versioning);
  const tags = readStoredTags(row.system[TAGGING]);
  return xmlReply(xmlDocument('Tagging', tagSetMarkup(tags)), headers);
}

export async function putObjectTagging(call: Call): Promise<HttpReply> {
  const root = await readRequiredXml(call, { root: 'Tagging' });
  const tags = parseTagging(root, MAX_OBJECT_TAGS);
  const context = await admitTags(call, tags);
  const headers = shownVersion(
    await setTags({ ...call, context }, storedTags(tags), 'tagging:put'),
  );
  return { status: 200, headers, body: new Uint8Array(0) };
}

/** Rules may speak of the tags that shall be set, so they are asked once the tags are known. */
function admitTags(call: Call, tags: readonly Tag[]): Promise<RequestContext> {
  const { door, request, headers, query, context } = call;
  const { principal } = context;
  const facts = factsOf({ door, request, headers, query, principal, tags });
  const actions = actionsOf(call, 's3:PutObjectTagging', 'PutObjectTagging');
  return askLater({ ...call, context: { ...context, facts } }, actions);
}

export async function deleteObjectTagging(call: Call): Promise<HttpReply> {
  return { status: 204, headers: shownVersion(await setTags(call, null, 'tagging:delete')) };
}

async function setTags(
  call: Call,
  stored: string | null,
  event: 'tagging:put' | 'tagging:delete',
): Promise<VersionRow> {
  const versionId = parseVersionId(call.query.get('versionId'));
  const { core } = call.door;
  return asMarkerError(versionId, () =>
    core.updateObject(
      call.context,
      { ...objectOf(call), versionId },
      { systemPatch: { [TAGGING]: stored }, isSilent: true },
      event,
    ),
  );
}

function shownVersion(row: VersionRow): HeaderPairs {
  return row.isNull ? [] : [['x-amz-version-id', versionIdOf(row)]];
}

/** What a write shall keep: its `system` and the tags of its header. */
export function withTags(system: Metadata, headers: RequestHeaders): Metadata {
  const text = headers.get(TAGGING_HEADER);
  const stored = text === undefined ? null : storedTags(parseTaggingHeader(text));
  return stored === null ? system : { ...system, [TAGGING]: stored };
}

/**
 * The tags of a copy, as entries of `system`: the source's, or with the directive REPLACE those of
 * the header. Without that directive Amazon ignores the header.
 */
export function copiedTags(headers: RequestHeaders): (source: VersionRow) => Metadata {
  const directive = headers.get('x-amz-tagging-directive') ?? 'COPY';
  switch (directive.toUpperCase()) {
    case 'REPLACE': {
      const replaced = withTags({}, headers);
      return () => replaced;
    }
    case 'COPY':
      return ({ system }) => {
        const stored = system[TAGGING];
        return stored === undefined ? {} : { [TAGGING]: stored };
      };
    default:
      throw invalidArgument('x-amz-tagging-directive', directive, 'Unknown tagging directive.');
  }
}
