/** `X-{Account,Container,Object}-Meta-*`: the limits of Swift's `check_metadata`, in bytes on the wire, and the way to and from the model. */
import type { MetadataPatch } from '../core/commands.ts';
import type { Metadata } from '../core/model.ts';
import type { Headers } from './headers.ts';
import { isUtf8, lowerAscii, textOf, titleCase, wireOf } from '../http/header-text.ts';
import { metadataLimits } from './limits.ts';
import { refuse } from './reply.ts';

export type MetadataOwner = 'account' | 'container' | 'object';

interface MetadataItem {
  /** Wire bytes, lower case, without the prefix. */
  readonly name: string;
  readonly value: string;
}

/** Checks every header's length and all metadata of `owner`; throws Refusal 400. */
function checkedItems(headers: Headers, owner: MetadataOwner): readonly MetadataItem[] {
  const prefix = `x-${owner}-meta-`;
  const items: MetadataItem[] = [];
  let bytes = 0;
  for (const [header, value] of headers) {
    if (value.length > metadataLimits.headerBytes) {
      throw refuse(400, `Header value too long: ${header.slice(0, metadataLimits.nameBytes)}`);
    }
    if (!header.startsWith(prefix)) continue;
    const name = header.slice(prefix.length);
    checkItem(owner, name, value);
    items.push({ name, value });
    bytes += name.length + value.length;
  }
  if (items.length > metadataLimits.count) {
    throw refuse(400, `Too many metadata items; max ${metadataLimits.count}`);
  }
  if (bytes > metadataLimits.overallBytes) {
    throw refuse(400, `Total metadata too large; max ${metadataLimits.overallBytes}`);
  }
  return items;
}

function checkItem(owner: MetadataOwner, name: string, value: string): void {
  if (name === '') throw refuse(400, 'Metadata name cannot be empty');
  // Swift keeps an object's metadata in whatever bytes it came; the other two live in JSON of its own.
  if (owner !== 'object' && !(isUtf8(name) && isUtf8(value))) {
    throw refuse(400, 'Metadata must be valid UTF-8');
  }
  const header = `x-${owner}-meta-${name}`;
  if (name.length > metadataLimits.nameBytes) {
    throw refuse(400, `Metadata name too long: ${header}`);
  }
  if (value.length > metadataLimits.valueBytes) {
    throw refuse(400, `Metadata value longer than ${metadataLimits.valueBytes}: ${header}`);
  }
}

/** All metadata that a new or rewritten object carries. */
export function readObjectMetadata(headers: Headers): Metadata {
  const metadata: Record<string, string> = {};
  for (const { name, value } of checkedItems(headers, 'object')) {
    metadata[textOf(name)] = textOf(value);
  }
  return metadata;
}

/** What a PUT or POST of an account or container sets (a string) and removes (null: an empty value, or `X-Remove-…`). */
export function readMetadataPatch(headers: Headers, owner: 'account' | 'container'): MetadataPatch {
  const patch: Record<string, string | null> = {};
  const removal = `x-remove-${owner}-meta-`;
  for (const header of headers.keys()) {
    if (header.startsWith(removal)) patch[textOf(header.slice(removal.length))] = null;
  }
  for (const { name, value } of checkedItems(headers, owner)) {
    patch[textOf(name)] = value === '' ? null : textOf(value);
  }
  return patch;
}

/** What a copy carries, inherited and new together: bounded like a PUT's. Throws Refusal 400. */
export function checkMerged(inherited: Metadata, added: Metadata): void {
  let count = 0;
  let bytes = 0;
  for (const [name, value] of Object.entries({ ...inherited, ...added })) {
    count += 1;
    bytes += wireOf(name).length + wireOf(value).length;
  }
  if (count > metadataLimits.count) {
    throw refuse(400, `Too many metadata items; max ${metadataLimits.count}`);
  }
  if (bytes > metadataLimits.overallBytes) {
    throw refuse(400, `Total metadata too large; max ${metadataLimits.overallBytes}`);
  }
}

/** Reply headers of a metadata set, in the order it is stored. */
export function metadataHeaders(owner: MetadataOwner, metadata: Metadata): [string, string][] {
  const prefix = `X-${titleCase(owner)}-Meta-`;
  return Object.entries(metadata)
    .filter(([name]) => isHeaderName(name))
    .map(([name, value]) => [prefix + titleCase(wireOf(name)), wireOf(value)]);
}

/** The other door's names come from headers too; this only keeps a damaged row from breaking the reply. */
function isHeaderName(name: string): boolean {
  return name !== '' && !/[\s:]/.test(name);
}

/** Container metadata lives among its settings as `meta:<name>`. */
const settingPrefix = 'meta:';

export function metadataOfSettings(settings: Metadata): Metadata {
  return Object.fromEntries(
    Object.entries(settings)
      .filter(([key]) => key.startsWith(settingPrefix))
      .map(([key, value]) => [key.slice(settingPrefix.length), value]),
  );
}

export function settingsOfPatch(patch: MetadataPatch): MetadataPatch {
  return Object.fromEntries(
    Object.entries(patch).map(([name, value]) => [settingPrefix + lowerAscii(name), value]),
  );
}
