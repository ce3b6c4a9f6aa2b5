/** The words of object lock, as headers and documents spell them. */
import type { RetentionMode } from '../../core/model.ts';
import { type XmlNode, leafText, malformedXml, required } from '../xml/reader.ts';

/** `GOVERNANCE` and `COMPLIANCE`, in capitals only. */
export function parseMode(text: string): RetentionMode | undefined {
  if (text === 'GOVERNANCE') return 'governance';
  return text === 'COMPLIANCE' ? 'compliance' : undefined;
}

export function shownMode(mode: RetentionMode): string {
  return mode.toUpperCase();
}

/** Throws `MalformedXML`. */
export function parseModeElement(node: XmlNode | undefined): RetentionMode {
  const mode = parseMode(leafText(required(node)));
  if (mode === undefined) throw malformedXml();
  return mode;
}

/** `ON` and `OFF`. */
export function parseHold(text: string): boolean | undefined {
  if (text === 'ON') return true;
  return text === 'OFF' ? false : undefined;
}

export function shownHold(isHeld: boolean): string {
  return isHeld ? 'ON' : 'OFF';
}
