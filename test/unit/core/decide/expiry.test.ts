import { describe, expect, it } from 'vitest';
import { createFixture, owner, putCommand, account } from '../fixture.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe('an object that is kept for a while after its date', () => {
  it('is queued for the end of that, and not removed before, whichever date the queue tells of', async () => {
    const fixture = createFixture(undefined, {}, { expiredKeptMillis: 60_000 });
    const { core, rows, clock } = fixture;
    const made = await core.createContainer(
      owner,
      { account, container: 'box' },
      { claimName: 'if-free', policy: undefined, settings: {} },
    );
    const { containerId } = made.info;
    const expiresAt = clock.now() + 1000;
    const { row } = await core.putObject(owner, putCommand('box', 'k', text('x'), { expiresAt }));
    const due = rows.rowsOf('queue').map(({ key }) => key.dueAt);
    expect(due).toEqual([expiresAt + 60_000]);
    const expire = (): Promise<boolean> =>
      rows.execute({
        ...{ type: 'object.expire', containerId, key: 'k', version: row.version },
        nowMillis: clock.now(),
      });
    clock.advance(2000);
    expect(await expire()).toBe(false);
    const address = { account, container: 'box', key: 'k' };
    const later = clock.now() + 500;
    await expect(core.updateObject(owner, address, { expiresAt: later })).rejects.toMatchObject({
      kind: 'no-such-object',
    });
    await core.updateObject(owner, { ...address, allowExpired: true }, { expiresAt: later });
    clock.advance(59_500);
    // The first date is over, the second is not yet.
    expect(await expire()).toBe(false);
    clock.advance(2000);
    expect(await expire()).toBe(true);
  });
});
