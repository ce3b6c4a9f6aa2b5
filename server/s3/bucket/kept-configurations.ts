/**
 * What is kept and shown, because what it asks for happens anyhow (decision 0024): metrics and
 * analytics choose what Amazon's console shows of a bucket; acceleration may be off.
 */
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf, bucketRowOf } from '../call.ts';
import { notImplemented } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { xmlReply } from '../xml/reply.ts';
import { leaf, xmlDocument } from '../xml/writer.ts';
import type { ConfigurationKind } from './configurations.ts';

export const metricsConfigurations: ConfigurationKind = {
  root: 'MetricsConfiguration',
  list: 'ListMetricsConfigurationsResult',
  setting: 's3:metrics:',
  accept: async (_call, root) => {
    const [, filter] = onlyChildren(root, ['Id', 'Filter']);
    if (filter !== undefined) checkFilter(filter, ['Prefix', 'Tag', 'AccessPointArn']);
    await Promise.resolve();
    return {};
  },
};

export const analyticsConfigurations: ConfigurationKind = {
  root: 'AnalyticsConfiguration',
  list: 'ListBucketAnalyticsConfigurationResult',
  setting: 's3:analytics:',
  accept: async (_call, root) => {
    const [, filter, analysis] = onlyChildren(root, ['Id', 'Filter', 'StorageClassAnalysis']);
    if (filter !== undefined) checkFilter(filter, ['Prefix', 'Tag']);
    const [dataExport] = onlyChildren(required(analysis), ['DataExport']);
    // A report that somebody waits for.
    if (dataExport !== undefined) throw notImplemented('DataExport');
    await Promise.resolve();
    return {};
  },
};

function checkFilter(node: XmlNode, names: readonly string[]): void {
  const children = onlyChildren(node, [...names, 'And']);
  const and = children.at(-1);
  if (node.children.length > 1) throw malformedXml();
  if (and === undefined) return;
  const strange = and.children.some((child) => !names.includes(child.name));
  if (strange || and.children.length < 2) throw malformedXml();
}

const ACCELERATE = 's3:accelerate';

export async function getAccelerate(call: Call): Promise<HttpReply> {
  const status = bucketRowOf(call).settings[ACCELERATE];
  await Promise.resolve();
  return xmlReply(xmlDocument('AccelerateConfiguration', leaf('Status', status)));
}

export async function putAccelerate(call: Call): Promise<HttpReply> {
  const root = await readRequiredXml(call, { root: 'AccelerateConfiguration' });
  const [node] = onlyChildren(root, ['Status']);
  const status = leafText(required(node)).trim();
  // There is no other endpoint to be faster at.
  if (status === 'Enabled') throw notImplemented('AccelerateConfiguration');
  if (status !== 'Suspended') throw malformedXml();
  await call.door.core.updateContainer(call.context, bucketOf(call), {
    settings: { [ACCELERATE]: status },
  });
  return { status: 200, headers: [], body: new Uint8Array(0) };
}
