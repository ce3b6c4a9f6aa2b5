/** RestoreObject: a readable copy of an archived object, for some days. */
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, objectOf } from '../call.ts';
import { invalidArgument, notImplemented } from '../codes.ts';
import { asMarkerError } from '../object/open-row.ts';
import { parseVersionId } from '../object/version-id.ts';
import { readRequiredXml } from '../payload/document.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';

const tiers: ReadonlySet<string> = new Set(['Standard', 'Bulk', 'Expedited']);
/** Amazon's own limit is as far: the year must have four digits. */
const MAX_DAYS = 2_000_000;

export async function restoreObject(call: Call): Promise<HttpReply> {
  const versionId = parseVersionId(call.query.get('versionId'));
  const root = await readRequiredXml(call, { root: 'RestoreRequest' });
  const days = parseRequest(root);
  const { core } = call.door;
  const { isNew } = await asMarkerError(versionId, () =>
    core.restoreObject(call.context, { ...objectOf(call), versionId, days }),
  );
  return { status: isNew ? 202 : 200, headers: [], body: new Uint8Array(0) };
}

/** All tiers are as fast here: the copy begins at once. */
function parseRequest(root: XmlNode): number {
  const names = ['Days', 'GlacierJobParameters', 'Tier', 'Description'];
  const selects = ['Type', 'SelectParameters', 'OutputLocation'];
  if (root.children.some(({ name }) => selects.includes(name))) throw notImplemented('SELECT');
  const [days, glacier, tier] = onlyChildren(root, names);
  if (glacier !== undefined) checkTier(required(onlyChildren(glacier, ['Tier'])[0]));
  if (tier !== undefined) checkTier(tier);
  const text = leafText(required(days)).trim();
  if (!/^-?\d{1,10}$/.test(text)) throw malformedXml();
  const value = Number(text);
  if (value >= 1 && value <= MAX_DAYS) return value;
  throw invalidArgument('Days', text, 'Days must be a positive integer');
}

function checkTier(node: XmlNode): void {
  if (!tiers.has(leafText(node))) throw malformedXml();
}
