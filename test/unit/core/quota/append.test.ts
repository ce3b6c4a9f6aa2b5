import { expect, it } from 'vitest';
import { accountIdOf } from '../../../../server/core/ids.ts';
import {
  account,
  bodyOf,
  createContainer,
  createFixture,
  kindOf,
  owner,
  putCommand,
  text,
} from '../fixture.ts';

it('the quota of an account bounds appended bytes, too', async () => {
  const { core, rows } = createFixture();
  await createContainer(core, 'box');
  await rows.execute({
    ...{ type: 'account.update', accountId: accountIdOf(account), name: account },
    ...{ metadata: {}, settings: { 'quota-bytes': '4' } },
    limits: { maxCount: 90, maxTotalBytes: 4096 },
  });
  const append = (offset: number, bytes: string): Promise<string> =>
    kindOf(
      core.appendObject(owner, {
        ...{ ...putCommand('box', 'k', text('')), offset },
        body: bodyOf(text(bytes)),
      }),
    );
  expect([await append(0, '01'), await append(2, '23')]).toEqual(['fulfilled', 'fulfilled']);
  expect(await append(4, '4')).toBe('quota-exceeded');
  expect(await rows.accountUsage(accountIdOf(account))).toMatchObject({ bytes: 4 });
});
