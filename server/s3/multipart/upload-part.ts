import type { UploadRow } from '../../core/model.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import type { Call } from '../call.ts';
import { s3Error } from '../codes.ts';
import { pushEncryption, readCustomerKey } from '../encryption/headers.ts';
import { type Payload, openPayload, usualChecksums } from '../payload/payload.ts';
import { parsePartNumber, uploadOf } from './upload-address.ts';

/** UploadPart. */
export async function uploadPart(call: Call): Promise<HttpReply> {
  const { core } = call.door;
  const partNumber = parsePartNumber(call.query.get('partNumber'));
  const address = uploadOf(call);
  const payload = openPayload(call, core.limits.maxBodyBytes);
  const upload = await core.headUpload(call.context, address);
  const body = withAnnounced(payload, upload);
  const customerKey = readCustomerKey(call);
  const command = { ...address, partNumber, body, customerKey };
  const part = await core.putPart(call.context, command);
  const headers: HeaderPairs = [['ETag', `"${part.etag}"`]];
  // A method or key of the service that a part names is not its own to choose: the reply says what it got.
  pushEncryption(headers, upload.encryption, call);
  for (const { algorithm, value } of part.checksums) {
    if (payload.stated !== undefined && algorithm !== payload.stated) continue;
    headers.push([`x-amz-checksum-${algorithm}`, value]);
  }
  return { status: 200, headers, body: new Uint8Array(0) };
}

/**
 * The upload's algorithm is computed for every part: the whole object's checksum is made of theirs. Where none
 * was announced the object gets the usual one, whatever else its parts state.
 */
function withAnnounced(payload: Payload, upload: UploadRow): Payload {
  const { stated } = payload;
  if (upload.checksum === undefined) {
    const checksums = [...new Set([...(payload.checksums ?? []), ...usualChecksums])];
    return { ...payload, checksums };
  }
  const { algorithm } = upload.checksum;
  if (stated === algorithm) return payload;
  if (stated !== undefined) {
    throw s3Error(
      'InvalidRequest',
      `Checksum Type mismatch occurred, expected checksum Type: ${algorithm}, actual checksum Type: ${stated}`,
    );
  }
  return { ...payload, checksums: [algorithm] };
}
