/** XML as Amazon writes it: a string, built in one pass. */

export const XMLNS = 'http://s3.amazonaws.com/doc/2006-03-01/';
export const XML_PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** Control characters are written as references, as Amazon does, although XML 1.0 has no such characters: clients that need them ask for `encoding-type=url`. */
// oxlint-disable-next-line no-control-regex -- Keys may hold them, so they are the point here.
const special = /[&<>"\u0000-\u001f\u007f\ufffe\uffff]/;
// oxlint-disable-next-line no-control-regex -- As above.
const specials = /[&<>"\u0000-\u001f\u007f\ufffe\uffff]/g;

export function escapeXml(text: string): string {
  return special.test(text) ? text.replace(specials, escapeOne) : text;
}

function escapeOne(character: string): string {
  switch (character) {
    case '&':
      return '&amp;';
    case '<':
      return '&lt;';
    case '>':
      return '&gt;';
    case '"':
      return '&quot;';
    default:
      return `&#x${character.charCodeAt(0).toString(16)};`;
  }
}

/** `<name>text</name>`, escaped; nothing when the text is undefined. */
export function leaf(name: string, text: string | number | boolean | undefined): string {
  if (text === undefined) return '';
  return `<${name}>${typeof text === 'string' ? escapeXml(text) : String(text)}</${name}>`;
}

/** `<name>…</name>` around markup that is already XML. */
export function element(name: string, markup: string): string {
  return `<${name}>${markup}</${name}>`;
}

/** A whole document whose root carries Amazon's namespace. */
export function xmlDocument(root: string, markup: string): Uint8Array {
  return Buffer.from(`${XML_PROLOG}<${root} xmlns="${XMLNS}">${markup}</${root}>`, 'utf8');
}
