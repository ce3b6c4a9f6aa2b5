/** Permissions by the names of buckets: `public` ones may be read by everybody, `shared` ones by every account. */
import type { Action } from '../../../../server/core/access/actions.ts';
import { everyone } from '../../../../server/core/access/principal.ts';
import type { AccessDialect } from '../../../../server/core/access/rules.ts';

export function publicRules(actions: readonly Action[]): AccessDialect {
  return {
    containerRules: ({ name }) => {
      if (!name.startsWith('public')) return undefined;
      const allow = { effect: 'allow', origin: 'policy' } as const;
      return {
        statements: [
          { ...allow, principals: new Set([everyone]), actions: new Set(actions), isPublic: true },
        ],
      };
    },
  };
}
