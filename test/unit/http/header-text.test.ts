import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lowerAscii, textOf, titleCase, wireOf } from '../../../server/http/header-text.ts';

describe('header text', () => {
  it('gives back every value byte for byte', () => {
    // Bytes that a header value may hold: no controls but the tab.
    const byte = fc.integer({ min: 0x20, max: 0xff }).filter((value) => value !== 0x7f);
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), (bytes) => {
        const wire = Buffer.from(bytes).toString('latin1');
        expect(wireOf(textOf(wire))).toBe(wire);
        expect(textOf(wire).isWellFormed()).toBe(true);
      }),
    );
  });

  it('decodes UTF-8 and escapes what only looks escaped', () => {
    const wire = (text: string): string => Buffer.from(text).toString('latin1');
    expect(textOf(wire('B\u00e2r'))).toBe('B\u00e2r');
    expect(textOf('\xff')).not.toBe('\xff');
    const tricky = wire('\uFDD0\xff');
    expect(wireOf(textOf(tricky))).toBe(tricky);
  });

  it('never lets a value end its header', () => {
    expect(wireOf('a\r\nX-Evil: 1')).toBe('a  X-Evil: 1');
  });

  it('keeps the bytes of names and capitalises their words', () => {
    expect(lowerAscii('X-Object-Meta-\xc3\x80B')).toBe('x-object-meta-\xc3\x80b');
    expect(titleCase('x-object-meta-foo_bar2baz')).toBe('X-Object-Meta-Foo_Bar2Baz');
  });
});
