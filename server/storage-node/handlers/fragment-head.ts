/** Fragments' ids and headers in the heads of messages. */
import { StoreError } from '../../../base/errors.ts';
import { fragmentIndex } from '../../../base/units.ts';
import type { FragmentHeader, FragmentId } from '../../../storage/fragment/fragment.ts';
import { type Head, numberIn, textIn } from '../wire/head.ts';

export function decodeFragmentId(head: Head): FragmentId {
  const objectId = textIn(head, 'objectId');
  if (!/^[0-9a-f]{32}$/.test(objectId)) {
    throw new StoreError('invalid-argument', 'wire.fragment', 'not the id of a body');
  }
  return {
    objectId,
    stripe: numberIn(head, 'stripe'),
    index: fragmentIndex(numberIn(head, 'index')),
  };
}

export function decodeFragmentHeader(head: Head): FragmentHeader {
  return {
    ...decodeFragmentId(head),
    k: numberIn(head, 'k'),
    m: numberIn(head, 'm'),
    ...codeOf(head),
    stripeLength: numberIn(head, 'stripeLength'),
    unitLength: numberIn(head, 'unitLength'),
    containerId: textIn(head, 'containerId'),
    key: textIn(head, 'key'),
    createdAt: numberIn(head, 'createdAt'),
  };
}

function codeOf({ code }: Head): { readonly code?: 'lrc' } {
  if (code === undefined) return {};
  if (code === 'lrc') return { code };
  throw new StoreError(
    'not-implemented',
    'wire.fragment',
    'a code that this release does not know',
  );
}
