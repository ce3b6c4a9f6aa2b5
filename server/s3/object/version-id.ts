import { invalidArgument } from '../codes.ts';

/** `null` or 16 hex digits, as core names versions; throws `InvalidArgument` for any other text. */
export function parseVersionId(text: string | undefined): string | undefined {
  if (text === undefined || text === 'null' || /^[0-9a-f]{16}$/.test(text)) return text;
  if (text === '') {
    throw invalidArgument('versionId', text, 'Version id cannot be the empty string');
  }
  throw invalidArgument('versionId', text, 'Invalid version id specified');
}
