/**
 * Reading a sub-resource that nobody can have set, because setting it is not built: answered as
 * Amazon answers for a fresh bucket. Terraform and others probe all of these (s3.md fact 40).
 */
import { type Operation, bucketOf } from '../call.ts';
import { type S3Code, s3Error } from '../codes.ts';
import { xmlReply } from '../xml/reply.ts';
import { leaf, xmlDocument } from '../xml/writer.ts';

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
