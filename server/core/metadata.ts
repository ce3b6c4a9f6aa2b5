import { utf8 } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import type { MetadataLimits, MetadataPatch } from './commands.ts';
import type { Metadata } from './model.ts';

/** Swift's own (max_meta_count, max_meta_overall_size), for metadata of accounts and containers. */
export const defaultMetadataLimits: MetadataLimits = { maxCount: 90, maxTotalBytes: 4096 };

/** Settings that clients name themselves start with this; only they are counted. */
export const CLIENT_SETTING = 'meta:';

/** Entry of an object's `system` that holds its tags: `key=value` pieces, each side percent-encoded, joined by `&`. */
export const TAGS = 's3:tagging';

/** The map after the patch. Entries whose names start with `prefix` must stay within the limits: `metadata-too-large`. */
export function patchMetadata(
  old: Metadata,
  patch: MetadataPatch,
  check: { readonly limits: MetadataLimits; readonly prefix: string },
): Metadata {
  const entries = new Map(Object.entries(old));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) entries.delete(name);
    else entries.set(name, value);
  }
  let count = 0;
  let bytes = 0;
  for (const [name, value] of entries) {
    if (!name.startsWith(check.prefix)) continue;
    count++;
    bytes += utf8(name).length - check.prefix.length + utf8(value).length;
  }
  const { maxCount, maxTotalBytes } = check.limits;
  if (count > maxCount || bytes > maxTotalBytes) {
    throw new StoreError('metadata-too-large', 'metadata.patch', 'too much metadata', {
      detail: { count, bytes, maxCount, maxTotalBytes },
    });
  }
  return Object.fromEntries(entries);
}
