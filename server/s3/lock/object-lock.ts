/** Retention and legal hold of one version: read and set. */
import type { LockChange } from '../../core/commands.ts';
import type { Retention, VersionRow } from '../../core/model.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, objectOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { formatIsoMillis, parseIsoDate } from '../dates.ts';
import { asMarkerError, openRow } from '../object/open-row.ts';
import { parseVersionId } from '../object/version-id.ts';
import { readRequiredXml } from '../payload/document.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { xmlReply } from '../xml/reply.ts';
import { leaf, xmlDocument } from '../xml/writer.ts';
import { wishesBypass } from './lock-headers.ts';
import { parseHold, parseModeElement, shownHold, shownMode } from './modes.ts';

export async function getObjectRetention(call: Call): Promise<HttpReply> {
  const retention = (await lockOf(call))?.retention;
  if (retention === undefined) throw s3Error('NoSuchObjectLockConfiguration');
  const markup =
    leaf('Mode', shownMode(retention.mode)) +
    leaf('RetainUntilDate', formatIsoMillis(retention.until));
  return xmlReply(xmlDocument('Retention', markup));
}

export async function getObjectLegalHold(call: Call): Promise<HttpReply> {
  const legalHold = (await lockOf(call))?.legalHold;
  if (legalHold === undefined) throw s3Error('NoSuchObjectLockConfiguration');
  return xmlReply(xmlDocument('LegalHold', leaf('Status', shownHold(legalHold))));
}

async function lockOf(call: Call): Promise<VersionRow['lock']> {
  const { row, container } = await openRow(call);
  if (container.lock === undefined) {
    throw s3Error('InvalidRequest', 'Bucket is missing Object Lock Configuration');
  }
  return row.lock;
}

export async function putObjectRetention(call: Call): Promise<HttpReply> {
  const root = await readRequiredXml(call, { root: 'Retention' });
  return setLock(call, { retention: parseRetention(root) });
}

export async function putObjectLegalHold(call: Call): Promise<HttpReply> {
  const root = await readRequiredXml(call, { root: 'LegalHold' });
  const [status] = onlyChildren(root, ['Status']);
  const legalHold = parseHold(leafText(required(status)));
  if (legalHold === undefined) throw malformedXml();
  return setLock(call, { legalHold });
}

/** An empty document takes the retention away. */
function parseRetention(root: XmlNode): Retention | null {
  const [mode, date] = onlyChildren(root, ['Mode', 'RetainUntilDate']);
  if (mode === undefined && date === undefined) return null;
  const until = parseIsoDate(leafText(required(date)));
  if (until === undefined) throw malformedXml();
  return { mode: parseModeElement(mode), until };
}

async function setLock(call: Call, lock: LockChange): Promise<HttpReply> {
  const versionId = parseVersionId(call.query.get('versionId'));
  const bypassGovernance = wishesBypass(call.headers);
  const { core } = call.door;
  await asMarkerError(versionId, () =>
    core.updateObject(
      call.context,
      { ...objectOf(call), versionId, bypassGovernance },
      { lock, isSilent: true },
    ),
  );
  return { status: 200, headers: [], body: new Uint8Array(0) };
}
