/** Storage classes: names under which one object may be stored otherwise than its container (decision 0019). */
import { StoreError } from '../../base/errors.ts';
import type { ContainerRow } from './model.ts';
import type { PolicyInfo } from './ports.ts';

export interface StorageClass {
  readonly name: string;
  /** Name of the policy that its bodies are stored under. */
  readonly policy: string;
  /** Its objects must be restored before they can be read. */
  readonly isArchive: boolean;
}

/** Those of the configuration. */
interface KnownClasses {
  readonly storageClasses: readonly StorageClass[];
}

/** Puts the policies' own names in place of aliases. Throws `invalid-argument` for a policy that is not there. */
export function checkedClasses(
  classes: readonly StorageClass[],
  policies: readonly PolicyInfo[],
): readonly StorageClass[] {
  return classes.map((one) => {
    const policy = policies.find((known) => [known.name, ...known.aliases].includes(one.policy));
    if (policy !== undefined) return { ...one, policy: policy.name };
    const sentence = `storage class ${one.name}: there is no policy ${one.policy}`;
    throw new StoreError('invalid-argument', 'storage-classes', sentence);
  });
}

/**
 * The policy for a new body of this class; without one, or where the configuration has forgotten it
 * since an upload began, the container's own.
 */
export function policyFor(
  { storageClasses }: KnownClasses,
  container: ContainerRow,
  storageClass: string | undefined,
): string {
  const found = storageClasses.find((one) => one.name === storageClass);
  return found?.policy ?? container.policy;
}

/** Throws `invalid-argument` with argument `storageClass`. */
export function checkStorageClass(
  { storageClasses }: KnownClasses,
  storageClass: string | undefined,
  op: string,
): void {
  if (storageClass === undefined) return;
  if (storageClasses.some((one) => one.name === storageClass)) return;
  throw new StoreError('invalid-argument', op, 'there is no such storage class', {
    detail: { argument: 'storageClass', value: storageClass },
  });
}
