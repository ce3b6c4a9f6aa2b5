/** What this door's texts in rows mean to core's evaluator: container and account ACLs. */
import type { AccessDialect } from '../../core/access/rules.ts';
import { ACCOUNT_ACL, accountAclRules } from './account-acl.ts';
import { READ_ACL, WRITE_ACL, readStatements, writeStatements } from './acl.ts';

export const swiftDialect: AccessDialect = {
  containerRules: ({ settings }) => {
    const statements = [
      ...readStatements(settings[READ_ACL]),
      ...writeStatements(settings[WRITE_ACL]),
    ];
    return statements.length === 0 ? undefined : { statements };
  },
  accountRules: (settings) => {
    const text = settings[ACCOUNT_ACL];
    return text === undefined ? undefined : accountAclRules(text);
  },
};
