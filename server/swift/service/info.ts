/** GET /info: what is built, and nothing else. Clients and test suites choose what to try by its keys. */
import { utf8 } from '../../../base/bytes.ts';
import type { HttpReply, HttpRequest } from '../../http/exchange.ts';
import type { SwiftDoorOptions } from '../call.ts';
import { heartbeatMillis } from '../bulk/heartbeat.ts';
import type { Rates } from '../filters/rate-limit.ts';
import {
  accountNameBytes,
  bulkLimits,
  extractLimits,
  listingLimit,
  manifestLimits,
  metadataLimits,
  s3ApiLimits,
} from '../limits.ts';
import type { Query } from '../query.ts';
import { statusReply } from '../reply.ts';
import { adminInfo } from './admin-info.ts';

export function answerInfo(door: SwiftDoorOptions, request: HttpRequest, query: Query): HttpReply {
  if (request.method === 'OPTIONS') return statusReply(200, [['Allow', 'HEAD, GET, OPTIONS']]);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return statusReply(405, [['Allow', 'HEAD, GET, OPTIONS']]);
  }
  const admin = adminInfo(door, request, query);
  return {
    status: 200,
    headers: [['Content-Type', 'application/json; charset=UTF-8']],
    body: utf8(
      JSON.stringify({
        swift: swiftSection(door),
        torc: { version: door.version },
        tempauth: { account_acls: true },
        symlink: { symloop_max: door.core.limits.maxLinks, static_links: true },
        versioned_writes: { allowed_flags: ['x-versions-location', 'x-history-location'] },
        staticweb: {},
        ...(door.settings.remap.storageDomains.length > 0 ? { domain_remap: {} } : {}),
        object_versioning: {},
        slo: {
          max_manifest_segments: manifestLimits.segments,
          max_manifest_size: manifestLimits.bytes,
          yield_frequency: heartbeatMillis / 1000,
          min_segment_size: 1,
          allow_async_delete: true,
        },
        tempurl: tempUrlSection(door),
        formpost: { allowed_digests: door.settings.tempUrl.digests },
        container_quotas: {},
        account_quotas: {},
        bulk_upload: {
          max_containers_per_extraction: extractLimits.containers,
          max_failed_extractions: extractLimits.failures,
        },
        bulk_delete: {
          max_deletes_per_request: bulkLimits.deletes,
          max_failed_deletes: bulkLimits.failures,
        },
        s3api: s3ApiSection(door),
        container_sync: { realms: shownRealms(door) },
        ...filterSections(door),
        ...(admin === undefined ? {} : { admin }),
      }),
    ),
  };
}

/** The release of Swift whose contract this is: clients (tempest) look here for what they may ask. */
const swiftVersion = '2.38.1';

/** Of what Swift's middleware does: only what is switched on, besides those that requests switch on. */
function filterSections(door: SwiftDoorOptions): Readonly<Record<string, unknown>> {
  const { nameCheck, rateLimits, crossDomainPolicy, quoteEtags } = door.settings;
  return {
    etag_quoter: { enable_by_default: quoteEtags },
    ...(door.core.isReadOnly ? { read_only: {} } : {}),
    ...(crossDomainPolicy === undefined ? {} : { crossdomain: {} }),
    ...(nameCheck === undefined
      ? {}
      : {
          name_check: {
            forbidden_chars: nameCheck.forbiddenChars,
            maximum_length: nameCheck.maximumLength,
            forbidden_regexp: nameCheck.forbiddenRegexp,
          },
        }),
    ...(rateLimits === undefined
      ? {}
      : {
          ratelimit: {
            account_ratelimit: rateLimits.account,
            max_sleep_time_seconds: rateLimits.maxSleepSeconds,
            container_ratelimits: shownRates(rateLimits.container),
            container_listing_ratelimits: shownRates(rateLimits.listing),
          },
        }),
  };
}

/** Names alone: what a client writes into X-Container-Sync-To. */
function shownRealms({ settings }: SwiftDoorOptions): Readonly<Record<string, unknown>> {
  const { realms, current } = settings.sync;
  return Object.fromEntries(
    realms.map(({ name, clusters }) => [
      name,
      {
        clusters: Object.fromEntries(
          clusters.map((cluster) => {
            const isThis = current?.realm === name && current.cluster === cluster.name;
            return [cluster.name, isThis ? { current: true } : {}];
          }),
        ),
      },
    ]),
  );
}

function shownRates(rates: Rates): readonly (readonly [number, number])[] {
  return rates.toSorted((a, b) => a.size - b.size).map(({ size, rate }) => [size, rate]);
}

function tempUrlSection(door: SwiftDoorOptions): Readonly<Record<string, unknown>> {
  const { tempUrl } = door.settings;
  return {
    methods: tempUrl.methods,
    allowed_digests: tempUrl.digests,
    incoming_remove_headers: tempUrl.incomingRemove,
    incoming_allow_headers: tempUrl.incomingAllow,
    outgoing_remove_headers: tempUrl.outgoingRemove,
    outgoing_allow_headers: tempUrl.outgoingAllow,
  };
}

/** In the words of Swift's S3 door, for whoever looks whether there is one. */
function s3ApiSection({ core }: SwiftDoorOptions): Readonly<Record<string, unknown>> {
  const { maxParts, minPartBytes } = core.limits;
  return {
    max_bucket_listing: s3ApiLimits.listing,
    max_parts_listing: s3ApiLimits.listing,
    max_upload_part_num: maxParts,
    max_multi_delete_objects: s3ApiLimits.deletes,
    allow_multipart_uploads: true,
    min_segment_size: minPartBytes,
    s3_acl: true,
  };
}

function swiftSection(door: SwiftDoorOptions): Readonly<Record<string, unknown>> {
  const { limits, policies } = door.core;
  return {
    version: swiftVersion,
    max_file_size: limits.maxBodyBytes,
    max_meta_name_length: metadataLimits.nameBytes,
    max_meta_value_length: metadataLimits.valueBytes,
    max_meta_count: metadataLimits.count,
    max_meta_overall_size: metadataLimits.overallBytes,
    max_header_size: metadataLimits.headerBytes,
    max_object_name_length: limits.maxKeyBytes,
    max_container_name_length: limits.maxContainerNameBytes,
    max_account_name_length: accountNameBytes,
    container_listing_limit: listingLimit,
    account_listing_limit: listingLimit,
    valid_api_versions: ['v1', 'v1.0'],
    account_autocreate: true,
    allow_account_management: false,
    allow_open_expired: door.settings.expiredKeptSeconds > 0,
    strict_cors_mode: true,
    policies: policies.all
      .filter((policy) => !policy.isDeprecated)
      .map(({ name, aliases }) => ({
        name,
        aliases: [name, ...aliases].join(', '),
        ...(name === policies.defaultPolicy ? { default: true } : {}),
      })),
  };
}
