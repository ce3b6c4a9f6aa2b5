/** Public access block: four switches of a bucket, or of a whole account. */
import type { Metadata } from '../../core/model.ts';
import { leafText, malformedXml, onlyChildren, type XmlNode } from '../xml/reader.ts';
import { leaf, xmlDocument } from '../xml/writer.ts';

export const PUBLIC_BLOCK = 's3:public-block';

const switches = [
  'BlockPublicAcls',
  'IgnorePublicAcls',
  'BlockPublicPolicy',
  'RestrictPublicBuckets',
] as const;
type Switch = (typeof switches)[number];

export type PublicBlock = Readonly<Record<Switch, boolean>>;

const ROOT = 'PublicAccessBlockConfiguration';

/** What Amazon turns on in new buckets. */
export const ALL_BLOCKED = '1111';

export function readStoredBlock(settings: Metadata): PublicBlock | undefined {
  const text = settings[PUBLIC_BLOCK];
  if (text === undefined) return undefined;
  return toBlock((_, index) => text[index] !== '0');
}

function toBlock(isOn: (name: Switch, index: number) => boolean): PublicBlock {
  const [acls, ignore, policy, restrict] = switches.map(isOn);
  return {
    BlockPublicAcls: acls === true,
    IgnorePublicAcls: ignore === true,
    BlockPublicPolicy: policy === true,
    RestrictPublicBuckets: restrict === true,
  };
}

/** The text to keep: a digit a switch. What is not named is off. */
export function parseBlock(root: XmlNode): string {
  return onlyChildren(root, switches)
    .map((node) => {
      const word = node === undefined ? 'false' : leafText(node).trim().toLowerCase();
      if (word !== 'true' && word !== 'false') throw malformedXml();
      return word === 'true' ? '1' : '0';
    })
    .join('');
}

export function blockDocument(block: PublicBlock): Uint8Array {
  return xmlDocument(ROOT, switches.map((name) => leaf(name, block[name])).join(''));
}
