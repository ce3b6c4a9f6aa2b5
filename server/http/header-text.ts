/**
 * Header names and values between the wire (bytes, seen as latin1 strings) and the model (Unicode
 * strings). Both doors give object metadata back byte for byte even when it is not UTF-8, whichever of
 * them took it, and model values must be Unicode: so bytes that are not UTF-8 are kept behind a mark.
 */
import { headerBytes, headerText } from './exchange.ts';

/** A Unicode noncharacter, so no text starts with it. What follows it is the wire's bytes, one code point (U+0000-U+00FF) a byte. */
const bytesMark = '\uFDD0';

/** Wire → model. Total: every value has a text, and `wireOf` gives back its bytes. */
export function textOf(wire: string): string {
  const text = headerText(wire);
  // A value that really starts with the mark is escaped too, or it would come back as something else.
  if (text === undefined || text.startsWith(bytesMark)) return bytesMark + wire;
  return text;
}

/** Model → wire. Control characters, which only the other door could have stored, become blanks: they would end the header. */
export function wireOf(text: string): string {
  const wire = text.startsWith(bytesMark) ? text.slice(bytesMark.length) : headerBytes(text);
  return wire.replace(controlCharacters, ' ');
}

/** Bytes that `textOf` had to escape are not UTF-8. */
export function isUtf8(wire: string): boolean {
  return headerText(wire) !== undefined;
}

// oxlint-disable-next-line no-control-regex -- they are what must not pass.
const controlCharacters = /[\0-\x08\x0a-\x1f\x7f]/g;

/** Only A-Z: the other bytes may be parts of UTF-8 sequences, which `toLowerCase` would break. */
export function lowerAscii(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** `x-object-meta-color` → `X-Object-Meta-Color`: a capital at the start of every run of letters, as Swift writes all its headers. */
export function titleCase(name: string): string {
  return name.replace(
    /[A-Za-z]+/g,
    (letters) => letters.slice(0, 1).toUpperCase() + letters.slice(1).toLowerCase(),
  );
}
