import { describe, expect, it } from 'vitest';
import { createHarness } from '../harness.ts';

const account = '/v1/AUTH_test';
const text = 'Writes are disabled for this account.';

describe('an account that nobody may write to', () => {
  it('is read, and no more, its owner and operators too', async () => {
    const readOnly = { all: false, accounts: { AUTH_test: true }, allowDeletes: false };
    const { ask, tokens } = await createHarness({ readOnly });
    for (const token of [tokens.owner, tokens.reseller]) {
      for (const [method, path] of [
        ['PUT', `${account}/c`],
        ['POST', account],
        ['POST', `${account}/c`],
        ['DELETE', `${account}/c`],
        ['PUT', `${account}/c/o`],
        ['POST', `${account}/c/o`],
        ['DELETE', `${account}/c/o`],
      ] as const) {
        const answer = await ask(method, path, { token });
        expect([answer.status, answer.text], `${method} ${path}`).toEqual([405, text]);
      }
      expect((await ask('GET', account, { token })).status).toBe(204);
      expect((await ask('GET', `${account}/c/o`, { token })).status).toBe(404);
    }
    expect((await ask('PUT', `/v1/AUTH_test2/c`, { token: tokens.other })).status).toBe(201);
    expect(JSON.parse((await ask('GET', '/info')).text)).not.toHaveProperty('read_only');
  });

  it('is no target of a copy, and may be its source', async () => {
    const readOnly = { all: true, accounts: { AUTH_test: false }, allowDeletes: false };
    const { ask, tokens } = await createHarness({ readOnly });
    await ask('PUT', `${account}/c`);
    await ask('PUT', `${account}/c/o`, { body: 'x' });
    const token = tokens.reseller;
    const headers = { Destination: 'c/o', 'Destination-Account': 'AUTH_test2' };
    const answer = await ask('COPY', `${account}/c/o`, { token, headers });
    expect([answer.status, answer.text]).toEqual([405, text]);
    expect(JSON.parse((await ask('GET', '/info')).text)).toHaveProperty('read_only');
  });

  it('may be emptied where the operator says so', async () => {
    const accounts: Record<string, boolean> = {};
    const readOnly = { all: false, accounts, allowDeletes: true };
    const { ask } = await createHarness({ readOnly });
    await ask('PUT', `${account}/c`);
    await ask('PUT', `${account}/c/o`, { body: 'x' });
    accounts['AUTH_test'] = true;
    expect((await ask('PUT', `${account}/c/o`, { body: 'y' })).status).toBe(405);
    expect((await ask('DELETE', `${account}/c/o`)).status).toBe(204);
    expect((await ask('DELETE', `${account}/c`)).status).toBe(204);
  });
});
