/** CORS as Swift has it: three metadata of a container (swift/proxy/controllers/base.py, `OPTIONS` and `cors_validation`). */
import type { Metadata } from '../../core/model.ts';
import { wireOf } from '../../http/header-text.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { Headers } from '../headers.ts';
import { metadataOfSettings } from '../metadata.ts';
import { statusReply } from '../reply.ts';

interface CorsInfo {
  readonly origins: readonly string[];
  readonly isOpen: boolean;
  readonly maxAge: string | undefined;
  readonly exposed: readonly string[];
}

function corsInfo(settings: Metadata | undefined): CorsInfo {
  const metadata = metadataOfSettings(settings ?? {});
  const words = (name: string): readonly string[] =>
    wireOf(metadata[name] ?? '')
      .split(' ')
      .filter((word) => word !== '');
  const origins = words('access-control-allow-origin');
  return {
    origins,
    isOpen: origins.length === 1 && origins[0] === '*',
    maxAge: metadata['access-control-max-age'],
    exposed: words('access-control-expose-headers').map((name) => name.toLowerCase()),
  };
}

function isAllowed({ origins }: CorsInfo, origin: string): boolean {
  return origins.includes(origin) || origins.includes('*');
}

/** A preflight of a container or of an object in it: nobody shows credentials with it. */
export function answerPreflight(
  headers: Headers,
  methods: string,
  settings: Metadata | undefined,
): HttpReply {
  const origin = headers.get('origin') ?? '';
  const method = headers.get('access-control-request-method') ?? '';
  const info = corsInfo(settings);
  const allow: [string, string] = ['Allow', methods];
  if (!isAllowed(info, origin) || !methods.split(', ').includes(method)) {
    return statusReply(401, [allow]);
  }
  const asked = (headers.get('access-control-request-headers') ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const vary = [
    ...(info.isOpen ? [] : ['Origin']),
    ...(asked.length === 0 ? [] : ['Access-Control-Request-Headers']),
  ];
  return statusReply(200, [
    allow,
    ['Access-Control-Allow-Origin', info.isOpen ? '*' : origin],
    ...(info.maxAge === undefined
      ? []
      : [['Access-Control-Max-Age', wireOf(info.maxAge)] as const]),
    ['Access-Control-Allow-Methods', methods],
    ...(asked.length === 0
      ? []
      : [['Access-Control-Allow-Headers', [...new Set(asked)].join(', ')] as const]),
    ...(vary.length === 0 ? [] : [['Vary', vary.join(', ')] as const]),
  ]);
}

/** What scripts may read of every reply. */
const always: readonly string[] = [
  'cache-control',
  'content-language',
  'content-type',
  'expires',
  'last-modified',
  'pragma',
  'etag',
  'x-timestamp',
  'x-trans-id',
  'x-openstack-request-id',
];

/** The reply with what a page of another origin needs; unchanged for an origin that is not allowed (strict mode). */
export function withCors(
  reply: HttpReply,
  origin: string,
  settings: Metadata | undefined,
): HttpReply {
  const info = corsInfo(settings);
  if (!isAllowed(info, origin)) return reply;
  const metadata = reply.headers
    .map(([name]) => name.toLowerCase())
    .filter((name) => /^x-(?:container|object)-meta/.test(name));
  const exposed = [...new Set([...always, ...metadata, ...info.exposed])].join(', ');
  const headers = [...reply.headers, ['Access-Control-Expose-Headers', exposed] as const];
  if (info.isOpen) {
    return { ...reply, headers: [...headers, ['Access-Control-Allow-Origin', '*']] };
  }
  const vary = headers.findIndex(([name]) => name.toLowerCase() === 'vary');
  const known = vary < 0 ? undefined : headers[vary]?.[1];
  const others = vary < 0 ? headers : headers.toSpliced(vary, 1);
  return {
    ...reply,
    headers: [
      ...others,
      ['Access-Control-Allow-Origin', origin],
      ['Vary', known === undefined ? 'Origin' : `${known}, Origin`],
    ],
  };
}
