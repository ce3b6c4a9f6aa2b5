/**
 * `multipart/form-data` (RFC 7578) as S3 takes it: small fields, then one file, whose bytes are
 * passed on as they come. What stands before the file is bounded; after it nothing counts.
 */
import { concatBytes } from '../../../base/bytes.ts';
import { headerText } from '../../http/exchange.ts';
import { s3Error } from '../codes.ts';

export interface Form {
  /** By lower-case name. */
  readonly fields: ReadonlyMap<string, string>;
  /** The last component of the name that the client's machine has for the file. */
  readonly filename: string;
  readonly file: AsyncIterable<Uint8Array>;
}

/** "The form data and boundaries (excluding file contents) cannot exceed 20 KB" (HTML form fields, Amazon S3). */
const MAX_FIELDS_BYTES = 20 * 1024;
const CRLF = Buffer.from('\r\n');
const HEADERS_END = Buffer.from('\r\n\r\n');

/** Of a request's Content-Type; throws `PreconditionFailed` for any other type, as Amazon does. */
export function parseBoundary(contentType: string | undefined): string {
  const match = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s";,]{1,70}))/i;
  const found = match.exec(contentType ?? '');
  const boundary = found?.[1] ?? found?.[2];
  if (boundary !== undefined) return boundary;
  throw s3Error(
    'PreconditionFailed',
    'Bucket POST must be of the enclosure-type multipart/form-data',
  );
}

/** Reads up to the file; the rest when `file` is read. Throws `MalformedPOSTRequest` and others. */
export async function openForm(body: AsyncIterable<Uint8Array>, boundary: string): Promise<Form> {
  const reader = new FormReader(body[Symbol.asyncIterator](), boundary);
  const fields = new Map<string, string>();
  for (;;) {
    const part = await reader.nextPart();
    if (part === undefined) {
      throw invalidForm('POST requires exactly one file upload per request.');
    }
    const name = part.name.toLowerCase();
    if (name === 'file') {
      return { fields, filename: lastComponent(part.filename ?? ''), file: reader.rest() };
    }
    // Which of two would count is what a forger asks, so neither does.
    if (fields.has(name)) throw invalidForm(`The field '${name}' must be given once.`);
    fields.set(name, await reader.readField());
  }
}

function invalidForm(sentence: string): Error {
  return s3Error('InvalidArgument', sentence, { ArgumentName: 'file', ArgumentValue: '' });
}

/** Browsers of old send whole paths, some with backslashes. */
function lastComponent(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

interface PartHead {
  readonly name: string;
  readonly filename: string | undefined;
}

class FormReader {
  readonly #source: AsyncIterator<Uint8Array>;
  /** What ends a part: a line break belongs to the boundary. */
  readonly #delimiter: Buffer;
  #buffer: Buffer;
  #fieldBytes = 0;

  constructor(source: AsyncIterator<Uint8Array>, boundary: string) {
    this.#source = source;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
    // So that the first boundary, at the very start, is found like the others.
    this.#buffer = Buffer.from(CRLF);
  }

  /** Expects a boundary next; undefined after the last. */
  async nextPart(): Promise<PartHead | undefined> {
    await this.#takeUntil(this.#delimiter);
    const ending = (await this.#takeUntil(CRLF)).toString('latin1');
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
    this.#buffer = Buffer.from(concatBytes([this.#delimiter, this.#buffer]));
    this.#fieldBytes -= this.#delimiter.length;
    const text = headerText(bytes.toString('latin1'));
    if (text === undefined) throw malformed();
    return text;
  }

  /** The bytes up to the next boundary, without holding more of them than a boundary is long. */
  async *rest(): AsyncGenerator<Uint8Array> {
    const keep = this.#delimiter.length - 1;
    for (;;) {
      const at = this.#buffer.indexOf(this.#delimiter);
      if (at >= 0) {
        if (at > 0) yield this.#buffer.subarray(0, at);
        await this.#discard();
        return;
      }
      const ready = this.#buffer.length - keep;
      if (ready > 0) {
        yield this.#buffer.subarray(0, ready);
        this.#buffer = Buffer.from(this.#buffer.subarray(ready));
      }
      await this.#more('IncompleteBody');
    }
  }

  /** Reads the request to its end, so that its connection can be kept. */
  async #discard(): Promise<void> {
    for (;;) {
      const { done } = await this.#source.next();
      if (done === true) return;
    }
  }

  /** What stands before `mark`; both are taken. */
  async #takeUntil(mark: Buffer): Promise<Buffer> {
    let at = this.#buffer.indexOf(mark);
    while (at < 0) {
      if (this.#fieldBytes + this.#buffer.length > MAX_FIELDS_BYTES) throw tooManyFields();
      await this.#more('MalformedPOSTRequest');
      at = this.#buffer.indexOf(mark);
    }
    const taken = this.#buffer.subarray(0, at);
    this.#buffer = this.#buffer.subarray(at + mark.length);
    this.#fieldBytes += at + mark.length;
    if (this.#fieldBytes > MAX_FIELDS_BYTES) throw tooManyFields();
    return taken;
  }

  async #more(shortCode: 'IncompleteBody' | 'MalformedPOSTRequest'): Promise<void> {
    const { done, value } = await this.#source.next();
    if (done === true) throw s3Error(shortCode);
    this.#buffer =
      this.#buffer.length === 0
        ? Buffer.from(value.buffer, value.byteOffset, value.length)
        : Buffer.concat([this.#buffer, value]);
  }
}

function malformed(): Error {
  return s3Error('MalformedPOSTRequest');
}

function tooManyFields(): Error {
  return s3Error('MaxPostPreDataLengthExceededError');
}

function parseHead(lines: readonly string[]): PartHead {
  const prefix = 'content-disposition:';
  const line = lines.find((one) => one.toLowerCase().startsWith(prefix));
  const value = line?.slice(prefix.length).trim() ?? '';
  if (!/^form-data\s*;/i.test(value)) throw malformed();
  const name = parameter(value, 'name');
  if (name === undefined) throw malformed();
  return { name, filename: parameter(value, 'filename') };
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
