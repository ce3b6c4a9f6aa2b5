/**
 * Swift's older way of keeping versions (`versioned_writes`): a container names another one, into which its objects
 * are copied before they are replaced or deleted. The copies are plain objects. Nothing here is one commit: it is as
 * weak under races as Swift's, and `X-Versions-Enabled` is the better way.
 */
import type { MetadataPatch } from '../../core/commands.ts';
import type { ContainerRow } from '../../core/model.ts';
import { textOf, wireOf } from '../../http/header-text.ts';
import type { ContainerCall } from '../call.ts';
import type { Headers } from '../headers.ts';
import { nameText, unquote } from '../path.ts';
import { refuse } from '../reply.ts';

/** `stack`: a DELETE brings the last copy back. `history`: it copies, too, and leaves a marker. */
type Mode = 'stack' | 'history';

export interface Archive {
  readonly mode: Mode;
  readonly container: string;
}

const locationSetting = 'swift:versions-location';
const modeSetting = 'swift:versions-mode';

/** What the headers of a PUT or POST of a container change. Throws Refusal 400 and 412. */
export function readArchiveChange(headers: Headers): MetadataPatch {
  const stack = headers.get('x-versions-location');
  const history = headers.get('x-history-location');
  if (stack !== undefined && stack !== '' && history !== undefined && history !== '') {
    throw refuse(400, 'Only one of X-Versions-Location or X-History-Location may be specified');
  }
  const location = stack || history;
  if (location !== undefined && location !== '') {
    const container = nameText(unquote(location));
    if (container.includes('/')) throw refuse(412, 'Container name cannot contain slashes');
    return { [locationSetting]: textOf(location), [modeSetting]: stack ? 'stack' : 'history' };
  }
  const isRemoved = ['x-remove-versions-location', 'x-remove-history-location'].some(
    (name) => (headers.get(name) ?? '') !== '',
  );
  if (stack === undefined && history === undefined && !isRemoved) return {};
  return { [locationSetting]: null, [modeSetting]: null };
}

/** undefined: the container keeps no copies. */
export function archiveOf({ settings }: ContainerRow): Archive | undefined {
  const location = settings[locationSetting];
  if (location === undefined) return undefined;
  return {
    mode: settings[modeSetting] === 'history' ? 'history' : 'stack',
    container: nameText(unquote(wireOf(location))),
  };
}

export function archiveHeaders({ settings }: ContainerRow): [string, string][] {
  const location = settings[locationSetting];
  if (location === undefined) return [];
  const isHistory = settings[modeSetting] === 'history';
  return [[isHistory ? 'X-History-Location' : 'X-Versions-Location', wireOf(location)]];
}

/** Two ways at once would keep everything twice. Throws Refusal 400. */
export function refuseBothWays(call: ContainerCall, change: MetadataPatch): void {
  const wantsVersions = (call.headers.get('x-versions-enabled') ?? '') !== '';
  if (!wantsVersions) return;
  const row = call.context.permit?.found?.row;
  const isArchived = row !== undefined && archiveOf(row) !== undefined;
  if (typeof change[locationSetting] === 'string' || isArchived) {
    throw refuse(
      400,
      'Cannot enable object versioning on a container that is already using the legacy versioned writes feature.',
    );
  }
}
