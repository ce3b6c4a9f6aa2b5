import type { HttpReply } from '../../http/exchange.ts';
import type { Call } from '../call.ts';
import { uploadOf } from './upload-address.ts';

/** AbortMultipartUpload. */
export async function abortMultipartUpload(call: Call): Promise<HttpReply> {
  await call.door.core.abortUpload(call.context, uploadOf(call));
  return { status: 204, headers: [] };
}
