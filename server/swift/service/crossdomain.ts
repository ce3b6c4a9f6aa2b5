/** /crossdomain.xml: which sites a Flash or PDF viewer may read this server from (swift/common/middleware/crossdomain.py). */
import { utf8 } from '../../../base/bytes.ts';
import type { HttpReply } from '../../http/exchange.ts';

export const crossDomainPath = '/crossdomain.xml';

export function answerCrossDomain(policy: string): HttpReply {
  const body =
    '<?xml version="1.0"?>\n' +
    '<!DOCTYPE cross-domain-policy SYSTEM "http://www.adobe.com/xml/dtds/cross-domain-policy.dtd" >\n' +
    `<cross-domain-policy>\n${policy}\n</cross-domain-policy>`;
  return { status: 200, headers: [['Content-Type', 'application/xml']], body: utf8(body) };
}
