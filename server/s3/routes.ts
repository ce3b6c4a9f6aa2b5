/**
 * Every operation of S3 as one table: the router, the permission check, metrics and the tests read
 * it. A row without `run` is known and not built; it answers 501.
 */
import { type S3Action, actionOfOperation } from './access/actions.ts';
import { getBucketAcl, putBucketAcl } from './acl/bucket-acl.ts';
import { getObjectAcl, putObjectAcl } from './acl/object-acl.ts';
import {
  deleteBucketOwnershipControls,
  getBucketOwnershipControls,
  putBucketOwnershipControls,
} from './acl/ownership-controls.ts';
import {
  deleteAccountPublicAccessBlock,
  deletePublicAccessBlock,
  getAccountPublicAccessBlock,
  getPublicAccessBlock,
  putAccountPublicAccessBlock,
  putPublicAccessBlock,
} from './acl/public-access.ts';
import type { Shape } from './address.ts';
import { createBucket } from './bucket/create.ts';
import { deleteBucket } from './bucket/delete.ts';
import { deleteObjects } from './bucket/delete-objects.ts';
import { getBucketLocation, headBucket } from './bucket/head.ts';
import { listObjects, listObjectsV2 } from './bucket/list-objects.ts';
import { listObjectVersions } from './bucket/list-versions.ts';
import { emptyAs, noneOf, unsetAs } from './bucket/unset.ts';
import { getBucketVersioning, putBucketVersioning } from './bucket/versioning.ts';
import type { Built, Operation, Route } from './call.ts';
import { configurationRoutes } from './bucket/configuration-routes.ts';
import { deleteBucketCors, getBucketCors, putBucketCors } from './cors/bucket-cors.ts';
import {
  deleteBucketEncryption,
  getBucketEncryption,
  putBucketEncryption,
} from './encryption/bucket-encryption.ts';
import { updateObjectEncryption } from './encryption/update-encryption.ts';
import { postObject } from './form/post-object.ts';
import { getObjectLockConfiguration, putObjectLockConfiguration } from './lock/bucket-lock.ts';
import {
  getObjectLegalHold,
  getObjectRetention,
  putObjectLegalHold,
  putObjectRetention,
} from './lock/object-lock.ts';
import {
  deleteBucketLifecycle,
  getBucketLifecycle,
  putBucketLifecycle,
} from './lifecycle/bucket-lifecycle.ts';
import { restoreObject } from './lifecycle/restore.ts';
import { abortMultipartUpload } from './multipart/abort.ts';
import { completeMultipartUpload } from './multipart/complete.ts';
import { createMultipartUpload } from './multipart/create.ts';
import { listParts } from './multipart/list-parts.ts';
import { listMultipartUploads } from './multipart/list-uploads.ts';
import { uploadPart } from './multipart/upload-part.ts';
import { uploadPartCopy } from './multipart/upload-part-copy.ts';
import { getObjectAttributes } from './object/attributes.ts';
import { copyObject } from './object/copy.ts';
import { deleteObject } from './object/delete.ts';
import { getObject, headObject } from './object/get.ts';
import { putObject } from './object/put.ts';
import { renameObject } from './object/rename.ts';
import { listBuckets } from './service/list-buckets.ts';
import {
  deleteBucketPolicy,
  getBucketPolicy,
  getBucketPolicyStatus,
  putBucketPolicy,
} from './policy/bucket-policy.ts';
import {
  deleteBucketTagging,
  getBucketTagging,
  putBucketTagging,
} from './tagging/bucket-tagging.ts';
import {
  deleteObjectTagging,
  getObjectTagging,
  putObjectTagging,
} from './tagging/object-tagging.ts';

const COPY = 'x-amz-copy-source';

/** Place: method, shape and perhaps `?marker`. Among rows of one place those with a header come first. */
const built: readonly Built[] = [
  ['GET service', 'ListBuckets', 's3:ListAllMyBuckets', listBuckets],

  ['PUT bucket', 'CreateBucket', 's3:CreateBucket', createBucket],
  ['HEAD bucket', 'HeadBucket', 's3:ListBucket', headBucket],
  ['DELETE bucket', 'DeleteBucket', 's3:DeleteBucket', deleteBucket],
  ['GET bucket', 'ListObjects', 's3:ListBucket', listObjects],
  ['GET bucket ?list-type', 'ListObjectsV2', 's3:ListBucket', listObjectsV2],
  ['GET bucket ?versions', 'ListObjectVersions', 's3:ListBucketVersions', listObjectVersions],
  [
    'GET bucket ?uploads',
    'ListMultipartUploads',
    's3:ListBucketMultipartUploads',
    listMultipartUploads,
  ],
  ['POST bucket ?delete', 'DeleteObjects', 's3:DeleteObject', deleteObjects],
  ['GET bucket ?location', 'GetBucketLocation', 's3:GetBucketLocation', getBucketLocation],
  ['GET bucket ?versioning', 'GetBucketVersioning', 's3:GetBucketVersioning', getBucketVersioning],
  ['PUT bucket ?versioning', 'PutBucketVersioning', 's3:PutBucketVersioning', putBucketVersioning],

  ['POST bucket', 'PostObject', 's3:PutObject', postObject],
  ['PUT object', 'CopyObject', 's3:PutObject', copyObject, COPY],
  ['PUT object', 'PutObject', 's3:PutObject', putObject],
  ['GET object', 'GetObject', 's3:GetObject', getObject],
  ['GET object ?attributes', 'GetObjectAttributes', 's3:GetObjectAttributes', getObjectAttributes],
  ['PUT object ?renameObject', 'RenameObject', 's3:PutObject', renameObject],
  ['HEAD object', 'HeadObject', 's3:GetObject', headObject],
  ['DELETE object', 'DeleteObject', 's3:DeleteObject', deleteObject],

  ['POST object ?uploads', 'CreateMultipartUpload', 's3:PutObject', createMultipartUpload],
  ['PUT object ?uploadId', 'UploadPartCopy', 's3:PutObject', uploadPartCopy, COPY],
  ['PUT object ?uploadId', 'UploadPart', 's3:PutObject', uploadPart],
  ['POST object ?uploadId', 'CompleteMultipartUpload', 's3:PutObject', completeMultipartUpload],
  [
    'DELETE object ?uploadId',
    'AbortMultipartUpload',
    's3:AbortMultipartUpload',
    abortMultipartUpload,
  ],
  ['GET object ?uploadId', 'ListParts', 's3:ListMultipartUploadParts', listParts],

  [
    'GET bucket ?object-lock',
    'GetObjectLockConfiguration',
    's3:GetBucketObjectLockConfiguration',
    getObjectLockConfiguration,
  ],
  [
    'PUT bucket ?object-lock',
    'PutObjectLockConfiguration',
    's3:PutBucketObjectLockConfiguration',
    putObjectLockConfiguration,
  ],
  ['GET object ?retention', 'GetObjectRetention', 's3:GetObjectRetention', getObjectRetention],
  ['PUT object ?retention', 'PutObjectRetention', 's3:PutObjectRetention', putObjectRetention],
  ['GET object ?legal-hold', 'GetObjectLegalHold', 's3:GetObjectLegalHold', getObjectLegalHold],
  ['PUT object ?legal-hold', 'PutObjectLegalHold', 's3:PutObjectLegalHold', putObjectLegalHold],

  ['GET object ?tagging', 'GetObjectTagging', 's3:GetObjectTagging', getObjectTagging],
  ['PUT object ?tagging', 'PutObjectTagging', 's3:PutObjectTagging', putObjectTagging],
  ['DELETE object ?tagging', 'DeleteObjectTagging', 's3:DeleteObjectTagging', deleteObjectTagging],
  [
    'GET bucket ?encryption',
    'GetBucketEncryption',
    's3:GetEncryptionConfiguration',
    getBucketEncryption,
  ],
  [
    'PUT bucket ?encryption',
    'PutBucketEncryption',
    's3:PutEncryptionConfiguration',
    putBucketEncryption,
  ],
  [
    'DELETE bucket ?encryption',
    'DeleteBucketEncryption',
    's3:PutEncryptionConfiguration',
    deleteBucketEncryption,
  ],
  [
    'PUT object ?encryption',
    'UpdateObjectEncryption',
    's3:UpdateObjectEncryption',
    updateObjectEncryption,
  ],
  ['POST object ?restore', 'RestoreObject', 's3:RestoreObject', restoreObject],
  [
    'GET bucket ?lifecycle',
    'GetBucketLifecycleConfiguration',
    's3:GetLifecycleConfiguration',
    getBucketLifecycle,
  ],
  [
    'PUT bucket ?lifecycle',
    'PutBucketLifecycleConfiguration',
    's3:PutLifecycleConfiguration',
    putBucketLifecycle,
  ],
  [
    'DELETE bucket ?lifecycle',
    'DeleteBucketLifecycle',
    's3:PutLifecycleConfiguration',
    deleteBucketLifecycle,
  ],
  ['GET bucket ?cors', 'GetBucketCors', 's3:GetBucketCORS', getBucketCors],
  ['PUT bucket ?cors', 'PutBucketCors', 's3:PutBucketCORS', putBucketCors],
  // Amazon has no actions of their own for these deletions.
  ['DELETE bucket ?cors', 'DeleteBucketCors', 's3:PutBucketCORS', deleteBucketCors],
  ['GET bucket ?tagging', 'GetBucketTagging', 's3:GetBucketTagging', getBucketTagging],
  ['PUT bucket ?tagging', 'PutBucketTagging', 's3:PutBucketTagging', putBucketTagging],
  ['DELETE bucket ?tagging', 'DeleteBucketTagging', 's3:PutBucketTagging', deleteBucketTagging],

  ['GET bucket ?policy', 'GetBucketPolicy', 's3:GetBucketPolicy', getBucketPolicy],
  ['PUT bucket ?policy', 'PutBucketPolicy', 's3:PutBucketPolicy', putBucketPolicy],
  ['DELETE bucket ?policy', 'DeleteBucketPolicy', 's3:DeleteBucketPolicy', deleteBucketPolicy],
  [
    'GET bucket ?policyStatus',
    'GetBucketPolicyStatus',
    's3:GetBucketPolicyStatus',
    getBucketPolicyStatus,
  ],
  ['GET bucket ?acl', 'GetBucketAcl', 's3:GetBucketAcl', getBucketAcl],
  ['PUT bucket ?acl', 'PutBucketAcl', 's3:PutBucketAcl', putBucketAcl],
  ['GET object ?acl', 'GetObjectAcl', 's3:GetObjectAcl', getObjectAcl],
  ['PUT object ?acl', 'PutObjectAcl', 's3:PutObjectAcl', putObjectAcl],
  [
    'GET bucket ?ownershipControls',
    'GetBucketOwnershipControls',
    's3:GetBucketOwnershipControls',
    getBucketOwnershipControls,
  ],
  [
    'PUT bucket ?ownershipControls',
    'PutBucketOwnershipControls',
    's3:PutBucketOwnershipControls',
    putBucketOwnershipControls,
  ],
  [
    'DELETE bucket ?ownershipControls',
    'DeleteBucketOwnershipControls',
    's3:PutBucketOwnershipControls',
    deleteBucketOwnershipControls,
  ],
  [
    'GET bucket ?publicAccessBlock',
    'GetPublicAccessBlock',
    's3:GetBucketPublicAccessBlock',
    getPublicAccessBlock,
  ],
  [
    'PUT bucket ?publicAccessBlock',
    'PutPublicAccessBlock',
    's3:PutBucketPublicAccessBlock',
    putPublicAccessBlock,
  ],
  [
    'DELETE bucket ?publicAccessBlock',
    'DeletePublicAccessBlock',
    's3:PutBucketPublicAccessBlock',
    deletePublicAccessBlock,
  ],
  // Of the service S3 Control: the caller's whole account.
  [
    'GET account',
    'GetAccountPublicAccessBlock',
    's3:GetAccountPublicAccessBlock',
    getAccountPublicAccessBlock,
  ],
  [
    'PUT account',
    'PutAccountPublicAccessBlock',
    's3:PutAccountPublicAccessBlock',
    putAccountPublicAccessBlock,
  ],
  [
    'DELETE account',
    'DeleteAccountPublicAccessBlock',
    's3:PutAccountPublicAccessBlock',
    deleteAccountPublicAccessBlock,
  ],

  ...configurationRoutes,
];

/** Reading what cannot have been set. Place, name, answer; the action bears the name. */
const unset: readonly (readonly [place: string, name: string, run: Operation])[] = [
  [
    'GET bucket ?abac',
    'GetBucketAbac',
    // Tags of buckets decide nothing here, as at Amazon unless it is switched on.
    emptyAs('AbacStatus', '<Status>Disabled</Status>'),
  ],
  [
    'GET bucket ?metadataConfiguration',
    'GetBucketMetadataConfiguration',
    unsetAs('MetadataConfigurationNotFound'),
  ],
  [
    'GET bucket ?metadataTable',
    'GetBucketMetadataTableConfiguration',
    unsetAs('MetadataConfigurationNotFound'),
  ],
  [
    'GET bucket ?intelligent-tiering',
    'ListBucketIntelligentTieringConfigurations',
    noneOf('ListBucketIntelligentTieringConfigurationsOutput'),
  ],
  // No object has one, and nothing can give it one.
  ['GET object ?torrent', 'GetObjectTorrent', unsetAs('NoSuchKey')],
];

/** Known, and 501. Those with a header have endpoints of their own at Amazon. */
const unbuilt: readonly (readonly [place: string, name: string, header?: string])[] = [
  ['GET service ?max-directory-buckets', 'ListDirectoryBuckets'],
  ['POST bucket', 'WriteGetObjectResponse', 'x-amz-request-route'],
  ['PUT bucket ?abac', 'PutBucketAbac'],
  ['PUT bucket ?intelligent-tiering', 'PutBucketIntelligentTieringConfiguration'],
  ['PUT bucket ?metadataAnnotationTable', 'UpdateBucketMetadataAnnotationTableConfiguration'],
  ['PUT bucket ?metadataInventoryTable', 'UpdateBucketMetadataInventoryTableConfiguration'],
  ['PUT bucket ?metadataJournalTable', 'UpdateBucketMetadataJournalTableConfiguration'],
  ['DELETE bucket ?intelligent-tiering', 'DeleteBucketIntelligentTieringConfiguration'],
  ['DELETE bucket ?metadataConfiguration', 'DeleteBucketMetadataConfiguration'],
  ['DELETE bucket ?metadataTable', 'DeleteBucketMetadataTableConfiguration'],
  ['GET bucket ?session', 'CreateSession'],
  ['POST bucket ?metadataConfiguration', 'CreateBucketMetadataConfiguration'],
  ['POST bucket ?metadataTable', 'CreateBucketMetadataTableConfiguration'],
  ['PUT object ?annotation', 'PutObjectAnnotation'],
  // Ceph's: without this row it would replace the object that it means to lengthen.
  ['PUT object ?append', 'AppendObject'],
  ['GET object ?annotation', 'GetObjectAnnotation'],
  ['DELETE object ?annotation', 'DeleteObjectAnnotation'],
  ['POST object ?select', 'SelectObjectContent'],
];

const also: Readonly<Record<string, readonly string[]>> = {
  GetBucketLifecycleConfiguration: ['GetBucketLifecycle'],
  PutBucketLifecycleConfiguration: ['PutBucketLifecycle'],
  GetBucketNotificationConfiguration: ['GetBucketNotification'],
  PutBucketNotificationConfiguration: ['PutBucketNotification'],
  ListBucketAnalyticsConfigurations: ['GetBucketAnalyticsConfiguration'],
  ListBucketIntelligentTieringConfigurations: ['GetBucketIntelligentTieringConfiguration'],
  ListBucketInventoryConfigurations: ['GetBucketInventoryConfiguration'],
  ListBucketMetricsConfigurations: ['GetBucketMetricsConfiguration'],
  GetObjectAnnotation: ['ListObjectAnnotations'],
};

const shapes: Readonly<Record<string, Shape>> = {
  account: 'account',
  service: 'service',
  bucket: 'bucket',
  object: 'object',
};

function place(text: string): Pick<Route, 'method' | 'shape' | 'marker'> {
  const [method = '', shapeName = '', marker] = text.split(' ');
  const shape = shapes[shapeName] ?? 'service';
  return marker === undefined ? { method, shape } : { method, shape, marker: marker.slice(1) };
}

/** Rows that name no permission bear their operation's. One without any does nothing that could be permitted. */
function implied(name: string): S3Action {
  return actionOfOperation(name) ?? 's3:ListBucket';
}

function named(
  text: string,
  name: string,
  header: string | undefined,
): Omit<Route, 'action' | 'run'> {
  const others = also[name];
  return {
    ...place(text),
    name,
    ...(header === undefined ? {} : { header }),
    ...(others === undefined ? {} : { also: others }),
  };
}

export const routes: readonly Route[] = [
  ...unbuilt
    .filter(([, , header]) => header !== undefined)
    .map(([text, name, header]) => ({ ...named(text, name, header), action: implied(name) })),
  ...built.map(([text, name, action, run, header]) => ({
    ...named(text, name, header),
    action,
    run,
  })),
  ...unset.map(([text, name, run]) => ({
    ...named(text, name, undefined),
    action: implied(name),
    run,
    isUnset: true as const,
  })),
  ...unbuilt
    .filter(([, , header]) => header === undefined)
    .map(([text, name]) => ({ ...named(text, name, undefined), action: implied(name) })),
];
