/** The body that tells what became of many names, or of a request that took its time: in the three formats that Swift writes it in. */
import { utf8 } from '../../../base/bytes.ts';
import { type ListingType, chooseFormat } from '../listing/format.ts';
import { xmlText } from '../listing/render.ts';
import type { Headers } from '../headers.ts';
import { Query } from '../query.ts';
import { Refusal } from '../reply.ts';

/** Percent-encoded name, and what is wrong with it. */
export type ReportError = readonly [name: string, line: string];

export interface Report {
  readonly fields: Readonly<Record<string, string | number>>;
  readonly errors: readonly ReportError[];
}

export function renderReport(
  report: Report,
  type: ListingType,
  root: 'delete' | 'extract' | 'upload',
): Uint8Array {
  const { fields, errors } = report;
  if (type === 'application/json') return utf8(JSON.stringify({ ...fields, Errors: errors }));
  // In alphabetical order, as Swift sorts them.
  const sorted = Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (type === 'text/plain') {
    const lines = sorted.map(([field, value]) => `${field}: ${value}\n`);
    const failed = errors.map(([name, line]) => `${name}, ${line}\n`);
    return utf8(`${lines.join('')}Errors:\n${failed.join('')}`);
  }
  const elements = sorted.map(([field, value]) => {
    const element = field.replaceAll(' ', '_').toLowerCase();
    return `<${element}>${xmlText(String(value))}</${element}>\n`;
  });
  const failed = errors.map(
    ([name, line]) =>
      `<object><name>${xmlText(name)}</name><status>${xmlText(line)}</status></object>\n`,
  );
  return utf8(`<${root}>\n${elements.join('')}<errors>\n${failed.join('')}</errors>\n</${root}>\n`);
}

/** The format that Accept asks for; undefined: nothing that we write is acceptable, or it cannot be read. */
export function reportType(headers: Headers): ListingType | undefined {
  try {
    return chooseFormat(new Query(''), headers).type;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** Percent-encoding of bytes that need not be UTF-8. */
export function quoteBytes(bytes: string): string {
  return bytes.replace(
    /[^\w.~/-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
