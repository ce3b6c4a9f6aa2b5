import { titleCase } from '../../http/header-text.ts';

/** A policy as part of a header's name: a scheme as name has marks that a header's name cannot hold. */
export function policyInHeader(name: string): string {
  return titleCase(name.replaceAll(/[^A-Za-z0-9.]/g, '-'));
}
