/**
 * Configurations of which a bucket may have several, by id: metrics, analytics, inventories. The
 * document is checked by its kind, kept as the client wrote it, and shown again.
 */
import type { Core } from '../../core/api.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, type Operation, bucketOf, bucketRowOf } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { type XmlNode, leafText, malformedXml } from '../xml/reader.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, escapeXml, leaf, xmlDocument } from '../xml/writer.ts';

export interface ConfigurationKind {
  readonly root: string;
  /** Root of the list. */
  readonly list: string;
  /** Each stands in the bucket's settings under this and its id, as JSON. */
  readonly setting: string;
  /** Throws what is wrong with the document; returns what its keeping brings along. */
  readonly accept: (call: Call, root: XmlNode) => Promise<Kept>;
}

export interface Kept {
  /** Kept beside the markup, for whoever acts on it. */
  readonly plan?: Readonly<Record<string, unknown>>;
  readonly later?: Parameters<Core['updateContainer']>[2]['later'];
}

interface StoredConfiguration {
  readonly markup: string;
  readonly plan?: Kept['plan'];
}

/** Amazon allows 1,000; these stand in a row that every request to the bucket reads. */
const MAX_OF_KIND = 50;
const MAX_BYTES = 8 * 1024;

/** GET, with an id one configuration, without all of them. */
export function getConfigurations(kind: ConfigurationKind): Operation {
  return async (call) => {
    const { settings } = bucketRowOf(call);
    await Promise.resolve();
    const id = call.query.get('id');
    if (id === undefined) {
      const markups = configurationIds(settings, kind).map((one) =>
        element(kind.root, readStored(settings[kind.setting + one]).markup),
      );
      return xmlReply(xmlDocument(kind.list, leaf('IsTruncated', false) + markups.join('')));
    }
    const text = settings[kind.setting + id];
    if (text === undefined) throw missing(call);
    return xmlReply(xmlDocument(kind.root, readStored(text).markup));
  };
}

export function putConfiguration(kind: ConfigurationKind): Operation {
  return async (call) => {
    const id = idOf(call);
    const root = await readRequiredXml(call, { root: kind.root, maxBytes: MAX_BYTES });
    const named = root.children.find((child) => child.name === 'Id');
    if (named === undefined || leafText(named) !== id) throw malformedXml();
    const { settings } = bucketRowOf(call);
    const others = configurationIds(settings, kind).filter((one) => one !== id);
    if (others.length >= MAX_OF_KIND) throw s3Error('TooManyConfigurations');
    const { plan, later } = await kind.accept(call, root);
    const markup = root.children.map(nodeMarkup).join('');
    const stored: StoredConfiguration = { markup, ...(plan === undefined ? {} : { plan }) };
    await call.door.core.updateContainer(call.context, bucketOf(call), {
      settings: { [kind.setting + id]: JSON.stringify(stored) },
      ...(later === undefined ? {} : { later }),
    });
    return { status: 200, headers: [], body: new Uint8Array(0) };
  };
}

export function deleteConfiguration(kind: ConfigurationKind): Operation {
  return async (call): Promise<HttpReply> => {
    const setting = kind.setting + idOf(call);
    if (bucketRowOf(call).settings[setting] === undefined) throw missing(call);
    await call.door.core.updateContainer(call.context, bucketOf(call), {
      settings: { [setting]: null },
    });
    return { status: 204, headers: [] };
  };
}

/** What `accept` wanted kept; undefined where nothing is. */
export function planOf(text: string | undefined): Kept['plan'] {
  return text === undefined ? undefined : readStored(text).plan;
}

function idOf(call: Call): string {
  const id = call.query.get('id') ?? '';
  if (/^[A-Za-z0-9._-]{1,64}$/.test(id)) return id;
  throw invalidArgument('id', id, 'The configuration id is missing or not well formed.');
}

function missing(call: Call): Error {
  return s3Error('NoSuchConfiguration', undefined, { BucketName: call.bucket });
}

function configurationIds(
  settings: Readonly<Record<string, string>>,
  kind: ConfigurationKind,
): readonly string[] {
  const names = Object.keys(settings).filter((name) => name.startsWith(kind.setting));
  return names.map((name) => name.slice(kind.setting.length)).toSorted();
}

function readStored(text: string | undefined): StoredConfiguration {
  // Only this door writes it.
  const stored: StoredConfiguration = JSON.parse(text ?? '{"markup":""}');
  return stored;
}

function nodeMarkup(node: XmlNode): string {
  const inside = node.children.map(nodeMarkup).join('');
  return element(node.name, node.children.length === 0 ? escapeXml(node.text) : inside);
}
