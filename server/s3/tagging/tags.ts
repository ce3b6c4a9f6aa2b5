/** Tags of objects and buckets: what a set of them may hold, and its one spelling in the model. */
import { encodeStrictly } from '../auth/canonical.ts';
import { TAGS } from '../../core/metadata.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { decodeText } from '../query.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { element, leaf } from '../xml/writer.ts';

/** Where a set of tags stands: in the `system` of an object, in the `settings` of a bucket. */
export const TAGGING: string = TAGS;
export const TAGGING_HEADER = 'x-amz-tagging';

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export const MAX_OBJECT_TAGS = 10;
export const MAX_BUCKET_TAGS = 50;
const MAX_KEY = 128;
const MAX_VALUE = 256;
/** "Categorizing your objects using tags": letters, numbers, blanks and these marks. */
const allowed = /^[\p{L}\p{M}\p{N}\p{Z}_.:/=+\-@]*$/u;

/** Sorted by key, as Amazon shows them. Throws `InvalidTag`. */
export function checkedTags(tags: readonly Tag[], limit: number): readonly Tag[] {
  if (tags.length > limit) {
    const what = limit === MAX_BUCKET_TAGS ? 'Bucket tag count' : 'Object tags';
    throw s3Error('InvalidTag', `${what} cannot be greater than ${limit}`);
  }
  const keys = new Set<string>();
  for (const { key, value } of tags) {
    if (key === '' || length(key) > MAX_KEY || !allowed.test(key)) {
      throw s3Error('InvalidTag', 'The TagKey you have provided is invalid', { TagKey: key });
    }
    if (length(value) > MAX_VALUE || !allowed.test(value)) {
      throw s3Error('InvalidTag', 'The TagValue you have provided is invalid', {
        TagKey: key,
        TagValue: value,
      });
    }
    if (key.toLowerCase().startsWith('aws:')) {
      throw s3Error('InvalidTag', 'System tags cannot be added/updated by requester', {
        TagKey: key,
      });
    }
    if (keys.has(key)) {
      throw s3Error('InvalidTag', 'Cannot provide multiple Tags with the same key', {
        TagKey: key,
      });
    }
    keys.add(key);
  }
  return tags.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/** Amazon counts characters, not UTF-16 units. */
function length(text: string): number {
  return text.match(/./gsu)?.length ?? 0;
}

/** The inside of a `Tagging` document. Throws `MalformedXML` and `InvalidTag`. */
export function parseTagging(root: XmlNode, limit: number): readonly Tag[] {
  const [set] = onlyChildren(root, ['TagSet']);
  return parseTagSet(required(set), limit);
}

/** The tags that are the children of `set`, whatever that is called. Throws as `parseTagging` does. */
export function parseTagSet({ children, text }: XmlNode, limit: number): readonly Tag[] {
  if (text.trim() !== '') throw malformedXml();
  const tags = children.map((node) => {
    if (node.name !== 'Tag') throw malformedXml();
    const [key, value] = onlyChildren(node, ['Key', 'Value']);
    return { key: leafText(required(key)), value: leafText(required(value)) };
  });
  return checkedTags(tags, limit);
}

/** `x-amz-tagging`: the set as a query. Throws `InvalidArgument` and `InvalidTag`. */
export function parseTaggingHeader(text: string): readonly Tag[] {
  const pieces = text.split('&').filter((piece) => piece !== '');
  return checkedTags(
    pieces.map((piece) => {
      const at = piece.indexOf('=');
      return {
        key: decodePiece(at < 0 ? piece : piece.slice(0, at), text),
        value: at < 0 ? '' : decodePiece(piece.slice(at + 1), text),
      };
    }),
    MAX_OBJECT_TAGS,
  );
}

function decodePiece(piece: string, whole: string): string {
  try {
    return decodeText(piece);
  } catch {
    // Only InvalidURI comes from there, which would blame the request's own path.
    throw invalidArgument(
      TAGGING_HEADER,
      whole,
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
    );
  }
}

/** The text that the model keeps; null: none. */
export function storedTags(tags: readonly Tag[]): string | null {
  if (tags.length === 0) return null;
  return tags.map(({ key, value }) => `${encodeStrictly(key)}=${encodeStrictly(value)}`).join('&');
}

export function readStoredTags(text: string | undefined): readonly Tag[] {
  if (text === undefined) return [];
  return text.split('&').map((piece) => {
    const at = piece.indexOf('=');
    return { key: decodeText(piece.slice(0, at)), value: decodeText(piece.slice(at + 1)) };
  });
}

export function tagSetMarkup(tags: readonly Tag[]): string {
  const markup = tags.map(({ key, value }) =>
    element('Tag', leaf('Key', key) + leaf('Value', value)),
  );
  return element('TagSet', markup.join(''));
}
