/** `X-Object-Manifest: container/prefix`, which makes an object a dynamic large one. */
import { dynamicEntry } from '../../core/large/dynamic.ts';
import type { Headers } from '../headers.ts';
import { refuse } from '../reply.ts';

/** The model's name of the header; its value is kept as it came, percent-encoded. */
export const manifestEntry: string = dynamicEntry;

/** Throws Refusal 400 unless the header is absent, or `container/prefix`. An empty one removes. */
export function checkManifestHeader(headers: Headers): void {
  const value = headers.get('x-object-manifest');
  if (value === undefined || value === '') return;
  if (!/^[^/?&]+\/[^/?&][^?&]*$/.test(value)) {
    throw refuse(400, 'X-Object-Manifest must be in the format container/prefix');
  }
}
