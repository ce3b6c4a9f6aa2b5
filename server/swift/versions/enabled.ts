/** `X-Versions-Enabled` of a container. */
import type { ContainerRow, Versioning } from '../../core/model.ts';
import { type Headers, isTrue } from '../headers.ts';

/** What the request sets; undefined: nothing. `false` keeps what versions there are. */
export function readVersioning(headers: Headers): Versioning | undefined {
  const value = headers.get('x-versions-enabled');
  if (value === undefined || value === '') return undefined;
  return isTrue(value) ? 'enabled' : 'suspended';
}

export function versioningHeaders({ versioning }: ContainerRow): [string, string][] {
  if (versioning === 'off') return [];
  return [['X-Versions-Enabled', versioning === 'enabled' ? 'True' : 'False']];
}
