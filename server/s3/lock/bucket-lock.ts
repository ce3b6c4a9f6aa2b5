/** GetObjectLockConfiguration and PutObjectLockConfiguration. */
import type { ContainerLock } from '../../core/model.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, leaf, xmlDocument } from '../xml/writer.ts';
import { parseModeElement, shownMode } from './modes.ts';

/** Amazon's: a hundred years. */
const MAX_DAYS = 36_500;
const MAX_YEARS = 100;

export async function getObjectLockConfiguration(call: Call): Promise<HttpReply> {
  const { row } = await call.door.core.headContainer(call.context, bucketOf(call));
  if (row.lock === undefined) {
    throw s3Error('ObjectLockConfigurationNotFoundError', undefined, { BucketName: call.bucket });
  }
  const usual = row.lock.defaultRetention;
  const rule =
    usual === undefined
      ? ''
      : leaf('Mode', shownMode(usual.mode)) + leaf('Days', usual.days) + leaf('Years', usual.years);
  const markup =
    leaf('ObjectLockEnabled', 'Enabled') +
    (rule === '' ? '' : element('Rule', element('DefaultRetention', rule)));
  return xmlReply(xmlDocument('ObjectLockConfiguration', markup));
}

export async function putObjectLockConfiguration(call: Call): Promise<HttpReply> {
  const root = await readRequiredXml(call, { root: 'ObjectLockConfiguration' });
  const lock = parseConfiguration(root);
  await call.door.core.updateContainer(call.context, bucketOf(call), { settings: {}, lock });
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

function parseConfiguration(root: XmlNode): ContainerLock {
  const [enabled, rule] = onlyChildren(root, ['ObjectLockEnabled', 'Rule']);
  if (leafText(required(enabled)) !== 'Enabled') throw malformedXml();
  if (rule === undefined) return {};
  const [usual] = onlyChildren(rule, ['DefaultRetention']);
  const [mode, days, years] = onlyChildren(required(usual), ['Mode', 'Days', 'Years']);
  if ((days === undefined) === (years === undefined)) throw malformedXml();
  const parsed = parseModeElement(mode);
  return {
    defaultRetention:
      days === undefined
        ? { mode: parsed, years: parsePeriod(leafText(required(years)), MAX_YEARS) }
        : { mode: parsed, days: parsePeriod(leafText(days), MAX_DAYS) },
  };
}

function parsePeriod(text: string, max: number): number {
  if (!/^-?\d{1,10}$/.test(text)) throw malformedXml();
  const value = Number(text);
  if (value < 1) throw s3Error('InvalidRetentionPeriod');
  if (value > max) {
    throw s3Error('InvalidRetentionPeriod', 'Default retention period is too large.');
  }
  return value;
}
