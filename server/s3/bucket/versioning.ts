import type { Versioning } from '../../core/model.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf } from '../call.ts';
import { notImplemented, s3Error } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { leafText, malformedXml, onlyChildren } from '../xml/reader.ts';
import { xmlReply } from '../xml/reply.ts';
import { leaf, xmlDocument } from '../xml/writer.ts';

const shownStatus: Readonly<Record<Versioning, string | undefined>> = {
  off: undefined,
  enabled: 'Enabled',
  suspended: 'Suspended',
};

/** GetBucketVersioning: no Status while it was never enabled. */
export async function getBucketVersioning(call: Call): Promise<HttpReply> {
  const { row } = await call.door.core.headContainer(call.context, bucketOf(call));
  return xmlReply(
    xmlDocument('VersioningConfiguration', leaf('Status', shownStatus[row.versioning])),
  );
}

export async function putBucketVersioning(call: Call): Promise<HttpReply> {
  const root = await readRequiredXml(call, { root: 'VersioningConfiguration' });
  const [status, mfaDelete] = onlyChildren(root, ['Status', 'MfaDelete']);
  if (mfaDelete !== undefined && leafText(mfaDelete) !== 'Disabled') {
    throw notImplemented('MfaDelete');
  }
  if (status === undefined) throw s3Error('IllegalVersioningConfigurationException');
  await call.door.core.updateContainer(call.context, bucketOf(call), {
    settings: {},
    versioning: parseStatus(leafText(status)),
  });
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

function parseStatus(text: string): Versioning {
  if (text === 'Enabled') return 'enabled';
  if (text === 'Suspended') return 'suspended';
  throw malformedXml();
}
