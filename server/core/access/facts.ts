/**
 * What conditions ask about. A fact is named in the model's words where both doors know it; a door
 * may know more of its own dialect (`header:x-amz-acl`), which then is absent from requests of the
 * other. Values are computed when a condition asks, and never before.
 *
 * Of the request (doors): `source-ip`, `secure` (true, false), `tls-version`, `user-agent`,
 * `referer`, `region`, `version-id`, `if-match`, `if-none-match`, `list.prefix`, `list.delimiter`,
 * `list.limit`, `copy-source`, `creates-object`, `lock-days`, `header:<name>`, `request-tag:<key>`,
 * `request-tag-keys`, `signature-version`, `signature-age`, `auth-type`; of a service `service-name`,
 * `source-arn`, `source-account`.
 * Of the world (core): `time` (ISO 8601), `epoch` (seconds), `principal-account`, `principal-user`, `owner-account`.
 * Of the object there is (dialects): `object-tag:<key>`.
 */
import type { ContainerRow, VersionRow } from '../model.ts';
import type { Principal } from './principal.ts';

/** The values of a fact; undefined when the request has none. */
export type Facts = (name: string) => readonly string[] | undefined;

/** Facts that need the object as it is before the request. */
export function isOfObject(fact: string): boolean {
  return fact.startsWith('object-tag:');
}

/** What a request is about. */
export interface Subject {
  readonly principal: Principal;
  readonly account: string;
  readonly container: ContainerRow | undefined;
  readonly key: string | undefined;
  readonly object: VersionRow | undefined;
}

/** Joins what the door knows with what core and the dialects know; the door cannot override the latter. */
export function joinFacts(
  subject: Subject,
  sources: {
    readonly now: number;
    readonly request: Facts | undefined;
    readonly dialects: readonly {
      readonly facts?:
        | ((name: string, subject: Subject) => readonly string[] | undefined)
        | undefined;
    }[];
  },
): Facts {
  const known = new Map<string, readonly string[] | undefined>();
  const look = (name: string): readonly string[] | undefined => {
    const { principal } = subject;
    if (name === 'time') return [new Date(sources.now).toISOString()];
    if (name === 'epoch') return [String(Math.floor(sources.now / 1000))];
    if (name === 'owner-account') return [subject.account];
    if (name === 'principal-account') return presence(principal.account);
    if (name === 'principal-user') return presence(principal.user);
    for (const { facts } of sources.dialects) {
      const values = facts?.(name, subject);
      if (values !== undefined) return values;
    }
    return principal.facts?.[name] ?? sources.request?.(name);
  };
  return (name) => {
    if (!known.has(name)) known.set(name, look(name));
    return known.get(name);
  };
}

function presence(text: string): readonly string[] | undefined {
  return text === '' ? undefined : [text];
}
