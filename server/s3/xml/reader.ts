/**
 * XML from clients, by fast-xml-parser with its entity handling off: DTDs, entities of their own
 * and processing instructions are refused, depth and size are bounded, and whatever a reader does
 * not expect is an error rather than dropped (s3.md section 3, item 17).
 */
import { XMLParser } from 'fast-xml-parser';
import { s3Error } from '../codes.ts';

export interface XmlNode {
  readonly name: string;
  /** Character data directly inside, references resolved. */
  readonly text: string;
  readonly children: readonly XmlNode[];
}

/** The deepest document that any built operation reads has five levels. */
const MAX_DEPTH = 8;
const TEXT = '#text';
const CDATA = '#cdata';

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  textNodeName: TEXT,
  cdataPropName: CDATA,
  maxNestedTags: MAX_DEPTH,
});

export function malformedXml(): Error {
  return s3Error('MalformedXML');
}

/** The root element; throws `MalformedXML`. */
export function parseXml(bytes: Uint8Array, rootName: string): XmlNode {
  const text = decodeText(bytes);
  refuseDeclarations(text);
  let parsed: unknown;
  try {
    parsed = parser.parse(text, true);
  } catch {
    // The library throws plain errors for whatever is not well-formed; there is nothing else in the call.
    throw malformedXml();
  }
  const roots = readNodes(parsed, 1);
  const [root] = roots.children;
  if (root === undefined || roots.children.length !== 1 || roots.text.trim() !== '') {
    throw malformedXml();
  }
  if (root.name !== rootName) throw malformedXml();
  return root;
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // TypeError: not UTF-8.
    throw malformedXml();
  }
}

/** `<!DOCTYPE`, `<!ENTITY` and every processing instruction but the leading declaration. */
function refuseDeclarations(text: string): void {
  for (let at = text.indexOf('<!'); at >= 0; at = text.indexOf('<!', at + 2)) {
    if (!text.startsWith('<!--', at) && !text.startsWith('<![CDATA[', at)) throw malformedXml();
  }
  const first = text.indexOf('<?');
  if (first < 0) return;
  const isDeclaration = text.startsWith('<?xml', first) && text.slice(0, first).trim() === '';
  if (!isDeclaration || text.includes('<?', first + 2)) throw malformedXml();
}

/** The library's ordered form: `[{ name: [...] }, { '#text': '…' }, …]`. */
function readNodes(value: unknown, depth: number): { text: string; children: XmlNode[] } {
  const found = { text: '', children: [] as XmlNode[] };
  if (!Array.isArray(value) || depth > MAX_DEPTH) throw malformedXml();
  for (const item of value) {
    if (typeof item !== 'object' || item === null) throw malformedXml();
    for (const [name, content] of Object.entries(item)) {
      if (name === TEXT) found.text += resolveReferences(String(content));
      else if (name === CDATA) found.text += cdataText(content);
      else found.children.push({ name, ...readNodes(content, depth + 1) });
    }
  }
  return found;
}

function cdataText(content: unknown): string {
  if (!Array.isArray(content)) throw malformedXml();
  return content
    .map((item: unknown) => {
      const isText = typeof item === 'object' && item !== null && TEXT in item;
      return isText ? String(item[TEXT]) : '';
    })
    .join('');
}

const predefined: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

/** Only the five predefined entities and character references exist; those may name control characters, which Amazon accepts in keys. */
function resolveReferences(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&([^;&]{0,10})(;?)/g, (_whole, name: string, end: string) => {
    if (end === '') throw malformedXml();
    const known = Object.hasOwn(predefined, name) ? predefined[name] : undefined;
    if (known !== undefined) return known;
    const match = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(name);
    if (match === null) throw malformedXml();
    const code = match[1] === undefined ? Number(match[2]) : Number.parseInt(match[1], 16);
    if (code > 0x10_ffff || (code >= 0xd800 && code <= 0xdfff)) throw malformedXml();
    return String.fromCodePoint(code);
  });
}

/** The text of an element that has no children. */
export function leafText(node: XmlNode): string {
  if (node.children.length > 0) throw malformedXml();
  return node.text;
}

/** The named children in the order of `names`, each at most once; any other child, or stray text, is refused. */
export function onlyChildren(
  node: XmlNode,
  names: readonly string[],
): readonly (XmlNode | undefined)[] {
  if (node.text.trim() !== '') throw malformedXml();
  const found = names.map((name) => node.children.filter((child) => child.name === name));
  const count = found.reduce((sum, list) => sum + list.length, 0);
  if (count !== node.children.length || found.some((list) => list.length > 1)) {
    throw malformedXml();
  }
  return found.map((list) => list[0]);
}

/** An element that must be there. */
export function required(node: XmlNode | undefined): XmlNode {
  if (node === undefined) throw malformedXml();
  return node;
}
