/** The signed view of /info (swift/proxy/controllers/info.py): what administrators see besides. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { HttpRequest } from '../../http/exchange.ts';
import type { SwiftDoorOptions } from '../call.ts';
import type { Query } from '../query.ts';
import { refuse } from '../reply.ts';

/** undefined: nobody asks for it. Throws Refusal 403 where there is no key, 401 for a wrong signature or one that expired. */
export function adminInfo(
  door: SwiftDoorOptions,
  request: HttpRequest,
  query: Query,
): Readonly<Record<string, unknown>> | undefined {
  if (!query.has('swiftinfo_sig') && !query.has('swiftinfo_expires')) return undefined;
  const { adminKey } = door.settings;
  if (adminKey === undefined) throw refuse(403, 'Access was denied to this resource.');
  const expires = query.text('swiftinfo_expires') ?? '';
  const isFresh = /^\d{1,12}$/.test(expires) && Number(expires) * 1000 >= door.clock.now();
  const given = Buffer.from(query.text('swiftinfo_sig') ?? '');
  // A signature for GET does for HEAD too.
  const methods = request.method === 'HEAD' ? ['HEAD', 'GET'] : ['GET'];
  const isSigned = methods.some((method) => {
    const text = `${method}\n${Number(expires)}\n/info`;
    const wanted = Buffer.from(createHmac('sha1', adminKey).update(text).digest('hex'));
    return wanted.length === given.length && timingSafeEqual(wanted, given);
  });
  if (!isFresh || !isSigned) throw refuse(401, 'This server could not verify your signature.');
  return { disallowed_sections: [], encryption: { enabled: door.core.encryptsAll } };
}
