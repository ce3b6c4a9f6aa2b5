/** Who signed a form: Signature Version 4, Version 2, or nobody. Both sign the text of the policy. */
import { createHmac } from 'node:crypto';
import type { Principal } from '../../core/api.ts';
import { findKey } from '../auth/find-key.ts';
import { anonymous } from '../auth/identity.ts';
import { parseScope } from '../auth/scope.ts';
import { hmacHex, sameSignature } from '../auth/signing-keys.ts';
import type { DoorParts } from '../call.ts';
import { s3Error } from '../codes.ts';

type Fields = ReadonlyMap<string, string>;

export interface FormIdentity {
  readonly principal: Principal;
  /** The text that was signed; undefined for an anonymous form. */
  readonly policy: string | undefined;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const credentialFields = [
  'awsaccesskeyid',
  'signature',
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-signature',
] as const;

/** Throws `InvalidArgument` for a field that is missing, and the codes of wrong credentials. */
export function identifyForm(fields: Fields, door: DoorParts): FormIdentity {
  if (fields.has('x-amz-security-token')) throw s3Error('InvalidToken');
  const isSigned = credentialFields.some((name) => fields.has(name));
  if (!isSigned && !fields.has('policy')) return { principal: anonymous, policy: undefined };
  const policy = requiredField(fields, 'policy');
  const isNew = credentialFields.slice(2).some((name) => fields.has(name));
  const principal = isNew
    ? verifyVersion4(fields, policy, door)
    : verifyVersion2(fields, policy, door);
  return { principal, policy };
}

export function requiredField(fields: Fields, name: string): string {
  const value = fields.get(name.toLowerCase());
  if (value !== undefined) return value;
  throw s3Error(
    'InvalidArgument',
    `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of the fields.`,
    { ArgumentName: name, ArgumentValue: '' },
  );
}

function verifyVersion4(fields: Fields, policy: string, door: DoorParts): Principal {
  const algorithm = requiredField(fields, 'X-Amz-Algorithm');
  const credential = requiredField(fields, 'X-Amz-Credential');
  const date = requiredField(fields, 'X-Amz-Date');
  const signature = requiredField(fields, 'X-Amz-Signature');
  if (algorithm !== ALGORITHM) {
    throw s3Error('InvalidArgument', `X-Amz-Algorithm only supports "${ALGORITHM}"`);
  }
  const scope = parseScope(credential, 'query', door);
  if (!date.startsWith(scope.date)) {
    throw s3Error('AccessDenied', 'The date of the credential is not that of X-Amz-Date.');
  }
  const found = findKey(scope.accessKeyId, door);
  const key = door.keys.keyFor({ ...scope, secret: found.secretAccessKey });
  checkSignature(hmacHex(key, policy), signature, scope.accessKeyId, policy);
  return found.principal;
}

function verifyVersion2(fields: Fields, policy: string, door: DoorParts): Principal {
  const accessKeyId = requiredField(fields, 'AWSAccessKeyId');
  const signature = requiredField(fields, 'signature');
  const found = findKey(accessKeyId, door);
  const computed = createHmac('sha1', found.secretAccessKey).update(policy).digest('base64');
  checkSignature(computed, signature, accessKeyId, policy);
  return found.principal;
}

function checkSignature(computed: string, given: string, accessKeyId: string, text: string): void {
  if (sameSignature(computed, given)) return;
  throw s3Error('SignatureDoesNotMatch', undefined, {
    AWSAccessKeyId: accessKeyId,
    StringToSign: text,
    SignatureProvided: given,
  });
}
