/** The body of a bulk answer, in the three formats that Swift writes it in. */
import { utf8 } from '../../../base/bytes.ts';
import type { ListingType } from '../listing/format.ts';
import { xmlText } from '../listing/render.ts';
import { statusLine } from '../reply.ts';

export interface BulkReport {
  /** What the request as a whole would have been answered with. */
  status: number;
  body: string;
  deleted: number;
  notFound: number;
  /** Percent-encoded name, status line, status. */
  readonly errors: [name: string, line: string, status: number][];
}

export function renderReport(report: BulkReport, type: ListingType): Uint8Array {
  // In alphabetical order, as Swift sorts them.
  const fields: readonly (readonly [string, string | number])[] = [
    ['Number Deleted', report.deleted],
    ['Number Not Found', report.notFound],
    ['Response Body', report.body],
    ['Response Status', statusLine(report.status)],
  ];
  const errors = report.errors.map(([name, line]) => [name, line] as const);
  if (type === 'application/json') {
    return utf8(JSON.stringify({ ...Object.fromEntries(fields), Errors: errors }));
  }
  if (type === 'text/plain') {
    const lines = fields.map(([field, value]) => `${field}: ${value}\n`);
    const failed = errors.map(([name, line]) => `${name}, ${line}\n`);
    return utf8(`${lines.join('')}Errors:\n${failed.join('')}`);
  }
  const elements = fields.map(([field, value]) => {
    const element = field.replaceAll(' ', '_').toLowerCase();
    return `<${element}>${xmlText(String(value))}</${element}>\n`;
  });
  const failed = errors.map(
    ([name, line]) =>
      `<object><name>${xmlText(name)}</name><status>${xmlText(line)}</status></object>\n`,
  );
  return utf8(`<delete>\n${elements.join('')}<errors>\n${failed.join('')}</errors>\n</delete>\n`);
}
