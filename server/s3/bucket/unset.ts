/**
 * Reading a sub-resource that nobody can have set, because setting it is not built: answered as
 * Amazon answers for a fresh bucket. Terraform and others probe all of these (s3.md fact 40).
 */
import type { ContainerRow } from '../../core/model.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, type Operation, bucketOf } from '../call.ts';
import { type S3Code, notImplemented, s3Error } from '../codes.ts';
import { ownerMarkup } from '../listing-parameters.ts';
import { xmlReply } from '../xml/reply.ts';
import { escapeXml, leaf, xmlDocument } from '../xml/writer.ts';

/** 404 with this code, if the bucket is there and the caller may see it. */
export function unsetAs(code: S3Code): Operation {
  return async (call) => {
    await call.door.core.headContainer(call.context, bucketOf(call));
    throw s3Error(code, undefined, { BucketName: call.bucket });
  };
}

/** 200 with a document that says nothing is configured. */
export function emptyAs(root: string, markup = ''): Operation {
  const body = xmlDocument(root, markup);
  return async (call) => {
    await call.door.core.headContainer(call.context, bucketOf(call));
    return xmlReply(body);
  };
}

/** A list of configurations: empty, and each one asked for by id is not there. */
export function noneOf(root: string): Operation {
  const list = emptyAs(root, leaf('IsTruncated', false));
  const single = unsetAs('NoSuchConfiguration');
  return (call) => (call.query.has('id') ? single(call) : list(call));
}

const XSI = 'http://www.w3.org/2001/XMLSchema-instance';

/** The owner, and nobody else. Refused where Swift's ACLs let others in: S3's grants cannot say that. */
export function privateAcl(call: Call, container: ContainerRow): HttpReply {
  if (container.settings['read'] || container.settings['write']) {
    throw notImplemented('acl', 'This bucket has Swift ACLs, which S3 cannot show.');
  }
  const { id, displayName } = call.door.users.ownerOf(container.account);
  const grantee =
    `<Grantee xmlns:xsi="${XSI}" xsi:type="CanonicalUser"><ID>${escapeXml(id)}</ID>` +
    `<DisplayName>${escapeXml(displayName)}</DisplayName></Grantee>`;
  const grant = `<Grant>${grantee}<Permission>FULL_CONTROL</Permission></Grant>`;
  const markup =
    ownerMarkup(call.door.users, container.account) +
    `<AccessControlList>${grant}</AccessControlList>`;
  return xmlReply(xmlDocument('AccessControlPolicy', markup));
}

export async function getBucketAcl(call: Call): Promise<HttpReply> {
  const { row } = await call.door.core.headContainer(call.context, bucketOf(call));
  return privateAcl(call, row);
}
