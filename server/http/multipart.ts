/**
 * `multipart/form-data` (RFC 7578) as it comes: the parts one after the other, small ones as values,
 * files as streams. Everything that is not a file's bytes is bounded.
 */
import { concatBytes } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import { headerText } from './exchange.ts';

export interface PartHead {
  readonly name: string;
  /** undefined: the part is a field. */
  readonly filename: string | undefined;
  /** Wire values by lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
}

const CRLF = Buffer.from('\r\n');
const HEADERS_END = Buffer.from('\r\n\r\n');
const OP = 'http.multipart';

/** Of a request's Content-Type; undefined for any other type. */
export function parseBoundary(contentType: string | undefined): string | undefined {
  const match = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s";,]{1,70}))/i;
  const found = match.exec(contentType ?? '');
  return found?.[1] ?? found?.[2];
}

/**
 * Reads a form. Throws StoreError `invalid-argument` with detail `multipart`: `malformed`, or `too-long`
 * where the bound is passed; `incomplete-body` when the request ends inside a file.
 */
export class MultipartReader {
  readonly #source: AsyncIterator<Uint8Array>;
  /** What ends a part: a line break belongs to the boundary. */
  readonly #delimiter: Buffer;
  readonly #maxFieldsBytes: number;
  #buffer: Buffer;
  #fieldBytes = 0;

  /** `maxFieldsBytes`: of heads, boundaries and fields together. */
  constructor(body: AsyncIterable<Uint8Array>, boundary: string, maxFieldsBytes: number) {
    this.#source = body[Symbol.asyncIterator]();
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
    this.#maxFieldsBytes = maxFieldsBytes;
    // So that the first boundary, at the very start, is found like the others.
    this.#buffer = Buffer.from(CRLF);
  }

  /** Expects a boundary next; undefined after the last. */
  async nextPart(): Promise<PartHead | undefined> {
    await this.#takeUntil(this.#delimiter);
    const ending = (await this.#takeUntil(CRLF, 2)).toString('latin1');
    if (ending.startsWith('--')) return undefined;
    if (ending.trim() !== '') throw malformed();
    // The headers' end is searched from the line break that was just taken.
    this.#buffer = Buffer.from(concatBytes([CRLF, this.#buffer]));
    const lines = (await this.#takeUntil(HEADERS_END)).toString('latin1').split('\r\n');
    return parseHead(lines);
  }

  /** A field's value, up to the next boundary, which stays. */
  async readField(): Promise<string> {
    const bytes = await this.#takeUntil(this.#delimiter);
    this.#putBack(this.#delimiter);
    const text = headerText(bytes.toString('latin1'));
    if (text === undefined) throw malformed();
    return text;
  }

  /** The bytes up to the next boundary, which stays, without holding more of them than a boundary is long. To be read to its end. */
  async *readFile(): AsyncGenerator<Uint8Array> {
    const keep = this.#delimiter.length - 1;
    for (;;) {
      const at = this.#buffer.indexOf(this.#delimiter);
      if (at >= 0) {
        const last = this.#buffer.subarray(0, at);
        this.#buffer = Buffer.from(this.#buffer.subarray(at));
        if (at > 0) yield last;
        return;
      }
      const ready = this.#buffer.length - keep;
      if (ready > 0) {
        const bytes = this.#buffer.subarray(0, ready);
        this.#buffer = Buffer.from(this.#buffer.subarray(ready));
        yield bytes;
      }
      await this.#more(new StoreError('incomplete-body', OP, 'the form ended inside of a file'));
    }
  }

  /** Reads the request to its end, so that its connection can be kept. */
  async discardRest(): Promise<void> {
    for (;;) {
      const { done } = await this.#source.next();
      if (done === true) return;
    }
  }

  #putBack(mark: Buffer): void {
    this.#buffer = Buffer.from(concatBytes([mark, this.#buffer]));
    this.#fieldBytes -= mark.length;
  }

  /** What stands before `mark`; both are taken. `enough`: bytes that need no mark when the request ends with them. */
  async #takeUntil(mark: Buffer, enough = Infinity): Promise<Buffer> {
    let at = this.#buffer.indexOf(mark);
    while (at < 0) {
      if (this.#fieldBytes + this.#buffer.length > this.#maxFieldsBytes) throw tooLong();
      const { done, value } = await this.#source.next();
      // The last boundary may end the request without a line break.
      if (done === true && this.#buffer.length >= enough) return this.#takeAll();
      if (done === true) throw malformed();
      this.#append(value);
      at = this.#buffer.indexOf(mark);
    }
    const taken = this.#buffer.subarray(0, at);
    this.#buffer = this.#buffer.subarray(at + mark.length);
    this.#fieldBytes += at + mark.length;
    if (this.#fieldBytes > this.#maxFieldsBytes) throw tooLong();
    return taken;
  }

  #takeAll(): Buffer {
    const taken = this.#buffer;
    this.#buffer = Buffer.alloc(0);
    return taken;
  }

  async #more(failure: StoreError): Promise<void> {
    const { done, value } = await this.#source.next();
    if (done === true) throw failure;
    this.#append(value);
  }

  #append(value: Uint8Array): void {
    this.#buffer =
      this.#buffer.length === 0
        ? Buffer.from(value.buffer, value.byteOffset, value.length)
        : Buffer.concat([this.#buffer, value]);
  }
}

function malformed(): StoreError {
  return new StoreError('invalid-argument', OP, 'the form cannot be read', {
    detail: { multipart: 'malformed' },
  });
}

function tooLong(): StoreError {
  return new StoreError('invalid-argument', OP, 'the fields of the form are too long', {
    detail: { multipart: 'too-long' },
  });
}

function parseHead(lines: readonly string[]): PartHead {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0)
      headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const value = headers.get('content-disposition') ?? '';
  if (!/^form-data\s*;/i.test(value)) throw malformed();
  const name = parameter(value, 'name');
  if (name === undefined) throw malformed();
  return { name, filename: parameter(value, 'filename'), headers };
}

/** A quoted string, its quotes escaped by a backslash or (HTML) by `%22`; or a token. */
function parameter(value: string, name: string): string | undefined {
  const found = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;"]+))`, 'i').exec(value);
  const wire = found?.[1]?.replace(/\\(["\\])/g, '$1') ?? found?.[2];
  if (wire === undefined) return undefined;
  const text = headerText(wire);
  if (text === undefined) throw malformed();
  return text.replaceAll('%22', '"');
}
