/** What a container's owner chose for it as a website: `X-Container-Meta-Web-*`. */
import type { ContainerRow } from '../../core/model.ts';
import { isTrue } from '../headers.ts';
import { metadataOfSettings } from '../metadata.ts';

export interface Site {
  /** Name of the object that stands for a directory; '' for none. */
  readonly index: string;
  /** What follows the status in the names of error pages; '' for none. */
  readonly error: string;
  /** As set: anything but '' makes the container a site, and only what means yes lists it. */
  readonly listings: string;
  readonly css: string;
  /** In place of account and container in titles; '' for none. */
  readonly label: string;
  /** Content type of objects that only mark a directory. */
  readonly directoryType: string;
}

export function siteOf(row: ContainerRow | undefined): Site {
  const metadata = row === undefined ? {} : metadataOfSettings(row.settings);
  const chosen = (name: string): string => (metadata[`web-${name}`] ?? '').trim();
  return {
    index: chosen('index'),
    error: chosen('error'),
    listings: chosen('listings'),
    css: chosen('listings-css'),
    label: chosen('listings-label'),
    directoryType: chosen('directory-type') || 'application/directory',
  };
}

/** Whether directories mean anything here. */
export function isSite({ index, listings }: Site): boolean {
  return index !== '' || listings !== '';
}

export function isListed({ listings }: Site): boolean {
  return isTrue(listings);
}
