import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../../base/bytes.ts';
import { Chains } from '../../../../server/proxy/pieces/chain.ts';

/** What a piece says of itself. */
const says = (from: string, to: string, next: string) => ({
  of: 'first',
  from,
  to,
  next,
  round: 0,
});

describe('what is known of pieces', () => {
  it('leads to the last one that begins no later', () => {
    const chains = new Chains();
    expect(chains.at('first', 'k')).toEqual({ id: 'first', from: '', to: undefined });
    chains.learn('first', 'first', says('', 'h', 'second'));
    chains.learn('first', 'second', says('h', 'p', 'third'));
    expect(chains.at('first', 'g')).toEqual({ id: 'first', from: '', to: 'h' });
    expect(chains.at('first', 'h')).toEqual({ id: 'second', from: 'h', to: 'p' });
    expect(chains.at('first', 'z')).toEqual({ id: 'third', from: 'p', to: undefined });
    expect(chains.before('first', utf8('p')).id).toBe('second');
    expect(chains.before('first', undefined).id).toBe('third');
  });

  it('passes over a piece that has given everything away, also one whose old beginning was known', () => {
    const chains = new Chains();
    chains.learn('first', 'first', says('', 'm', 'second'));
    // Names from b on came to it, and went on to the next one.
    chains.learn('first', 'second', says('b', 'b', 'third'));
    for (const name of ['b', 'k', 'm', 'z']) expect(chains.at('first', name).id).toBe('third');
    expect(chains.at('first', 'a').id).toBe('first');
  });

  it('never lets a piece begin later than was heard', () => {
    const chains = new Chains();
    chains.learn('first', 'first', says('', 'c', 'second'));
    chains.learn('first', 'first', says('', 'm', 'second'));
    expect(chains.at('first', 'd').id).toBe('second');
  });

  it('is forgotten where it was learnt first when there is too much', () => {
    const chains = new Chains();
    const learn = (of: string, count: number): void => {
      for (let at = 0; at < count; at++) {
        const from = String(at).padStart(6, '0');
        chains.learn(of, of, says('', from, `${of}-${at}`));
      }
    };
    learn('old', 10);
    for (let of = 0; of < 500; of++) learn(`c${of}`, 100);
    expect(chains.at('old', 'z').id).toBe('old');
    expect(chains.at('c499', 'z').id).toBe('c499-99');
  });
});
