/** The HTML that staticweb shows for a directory; its ids, classes and order are what style sheets and tests go by. */
import { utf8 } from '../../../base/bytes.ts';
import { formatIso } from '../../../base/calendar/civil-date.ts';
import type { VersionRow } from '../../core/model.ts';
import type { PageItem } from '../../core/ports.ts';
import { quote } from '../path.ts';
import type { Site } from './site.ts';

export interface Directory {
  readonly site: Site;
  /** What the title says is listed. */
  readonly label: string;
  /** Names that begin with it are shown without it. */
  readonly prefix: string;
  /** Whether a link leads up. */
  readonly hasParent: boolean;
  /** Behind every link: the parameters of a TempURL, ready for HTML; or ''. */
  readonly linkQuery: string;
  readonly items: readonly PageItem<VersionRow>[];
}

const blank = '&nbsp;';

export function directoryPage(directory: Directory): Uint8Array {
  const { label, prefix, hasParent, linkQuery, items } = directory;
  const title = escapeHtml(`Listing of ${label}`);
  const rows = [
    ...(hasParent
      ? [row('id="parent" class="item"', `../${linkQuery}`, ['../', blank, blank])]
      : []),
    ...items
      .filter((item) => item.type === 'group')
      .map(({ name }) => {
        const shown = name.slice(prefix.length);
        return row('class="item subdir"', linkTo(shown, linkQuery), [
          escapeHtml(shown),
          blank,
          blank,
        ]);
      }),
    ...items.flatMap((item) => (item.type === 'row' ? [objectRow(item, directory)] : [])),
  ];
  return page(title, directory.site, prefix, [
    `<h1 id="title">${title}</h1>`,
    '<table id="listing">',
    '<tr id="heading">',
    '<th class="colname">Name</th>',
    '<th class="colsize">Size</th>',
    '<th class="coldate">Date</th>',
    '</tr>',
    ...rows,
    '</table>',
  ]);
}

function objectRow(
  item: Extract<PageItem<VersionRow>, { type: 'row' }>,
  { prefix, linkQuery }: Directory,
): string {
  const { contentType, size, modifiedAt } = item.row;
  const shown = item.name.slice(prefix.length);
  const types = contentType.split('/').map((part) => `type-${escapeHtml(part.toLowerCase())}`);
  const date = formatIso(modifiedAt).slice(0, 19).replace('T', ' ');
  return row(`class="item ${types.join(' ')}"`, linkTo(shown, linkQuery), [
    escapeHtml(shown),
    readableSize(size),
    date,
  ]);
}

function row(attributes: string, href: string, cells: readonly [string, string, string]): string {
  const [name, size, date] = cells;
  return [
    `<tr ${attributes}>`,
    `<td class="colname"><a href="${href}">${name}</a></td>`,
    `<td class="colsize">${size}</td>`,
    `<td class="coldate">${date}</td>`,
    '</tr>',
  ].join('\n');
}

/** Relative to the directory; a dot could mean the directory above. */
function linkTo(name: string, linkQuery: string): string {
  return `./${quote(name).replaceAll('.', '%2E')}${linkQuery}`;
}

/** For a directory that has no index and is not listed. */
export function unlistedPage(site: Site, label: string, prefix: string): Uint8Array {
  const title = escapeHtml(`Listing of ${label}`);
  const lines = [
    '<h1>Web Listing Disabled</h1>',
    '<p>The owner of this web site has disabled web listing.</p>',
    '<p>If you are the owner of this web site, you can enable web listing by setting X-Container-Meta-Web-Listings.</p>',
  ];
  if (site.index !== '') {
    lines.push(
      '<h1>Index File Not Found</h1>',
      `<p>The owner of this web site has set <b>X-Container-Meta-Web-Index: ${escapeHtml(site.index)}</b>. However, this file is not found.</p>`,
    );
  }
  return page(title, site, prefix, lines);
}

const style = [
  'h1 {font-size: 1em; font-weight: bold;}',
  'th {text-align: left; padding: 0 1em;}',
  'td {padding: 0 1em;}',
  'a {text-decoration: none;}',
].join('\n');

function page(title: string, site: Site, prefix: string, lines: readonly string[]): Uint8Array {
  const looks =
    site.css === ''
      ? `<style type="text/css">\n${style}\n</style>`
      : `<link rel="stylesheet" type="text/css" href="${escapeHtml(cssPath(site.css, prefix))}" />`;
  const head = ['<!DOCTYPE html>', '<html>', '<head>', `<title>${title}</title>`, looks, '</head>'];
  return utf8([...head, '<body>', ...lines, '</body>', '</html>', ''].join('\n'));
}

/** An address is taken as it is; a name is one of the container's own objects. */
function cssPath(css: string, prefix: string): string {
  if (/^(?:\/|https?:\/\/)/.test(css)) return quote(css).replaceAll('%3A', ':');
  return '../'.repeat(prefix.split('/').length - 1) + quote(css);
}

/** `512`, `1Ki`, `23Mi`: rounded at every step, as Swift does. */
export function readableSize(bytes: number): string {
  const suffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi'];
  let value = bytes;
  let step = 0;
  while (value >= 1024 && step < suffixes.length - 1) {
    value = Math.round(value / 1024);
    step += 1;
  }
  return `${value}${suffixes[step] ?? ''}`;
}

const named: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#x27;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (mark) => named[mark] ?? mark);
}
