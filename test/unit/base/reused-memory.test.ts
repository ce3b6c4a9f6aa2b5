import { describe, expect, it } from 'vitest';
import { ReusedMemory } from '../../../base/memory/reused-memory.ts';

const large = 266_240;

describe('reused memory', () => {
  it('comes again after what was lent is given back, once', () => {
    const memory = new ReusedMemory();
    const first = memory.take(large);
    const lent = first.subarray(4096);
    memory.lend(lent);
    memory.giveBack(lent);
    memory.giveBack(lent);
    expect(memory.take(large).buffer).toBe(first.buffer);
    expect(memory.take(large).buffer).not.toBe(first.buffer);
  });

  it('stays away while only a piece of it, or nothing lent, is given back', () => {
    const memory = new ReusedMemory();
    const first = memory.take(large);
    memory.giveBack(first);
    memory.lend(first.subarray(4096));
    memory.giveBack(first.subarray(4096, 8192));
    memory.giveBack(first);
    expect(memory.take(large).buffer).not.toBe(first.buffer);
  });

  it('is not kept when it is small', () => {
    const memory = new ReusedMemory();
    const small = memory.take(4096);
    memory.lend(small);
    memory.giveBack(small);
    expect(memory.take(4096).buffer).not.toBe(small.buffer);
  });

  it('is bounded', () => {
    const memory = new ReusedMemory();
    const taken = Array.from({ length: 200 }, () => memory.take(1_048_576));
    for (const one of taken) memory.lend(one);
    for (const one of taken) memory.giveBack(one);
    const known = new Set<unknown>(taken.map((one) => one.buffer));
    let again = 0;
    while (known.has(memory.take(1_048_576).buffer)) again++;
    expect(again).toBeLessThanOrEqual(48);
    expect(again).toBeGreaterThan(0);
  });
});
