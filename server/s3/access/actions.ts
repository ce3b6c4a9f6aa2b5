/**
 * Amazon's names of permissions (service authorization reference, "Actions, resources, and condition
 * keys for Amazon S3"), and what each means in the model. Policies are held to this list.
 */
import type { Action } from '../../core/access/actions.ts';

/** The first is what the operation of that name needs; the second what a write needs that brings the same along. Without any: Amazon knows it, and nothing here can be done by it. */
const table = [
  ['s3:AbortMultipartUpload', 'object.abort-upload'],
  ['s3:BypassGovernanceRetention', 'object.bypass-governance'],
  ['s3:CreateBucket', 'container.create'],
  ['s3:CreateBucketMetadataTableConfiguration', 'container.write-metadata-table'],
  ['s3:DeleteBucket', 'container.delete'],
  ['s3:DeleteBucketMetadataTableConfiguration', 'container.write-metadata-table'],
  ['s3:DeleteBucketPolicy', 'container.delete-policy'],
  ['s3:DeleteBucketWebsite', 'container.delete-website'],
  ['s3:DeleteObject', 'object.delete'],
  ['s3:DeleteObjectTagging', 'object.delete-tags'],
  ['s3:DeleteObjectVersion', 'object.delete-version'],
  ['s3:DeleteObjectVersionTagging', 'object.delete-version-tags'],
  ['s3:GetAccelerateConfiguration', 'container.read-accelerate'],
  ['s3:GetAccountPublicAccessBlock', 'account.read-public-block'],
  ['s3:GetAnalyticsConfiguration', 'container.read-analytics'],
  ['s3:GetBucketAbac', 'container.read-abac'],
  ['s3:GetBucketAcl', 'container.read-acl'],
  ['s3:GetBucketCORS', 'container.read-cors'],
  ['s3:GetBucketLocation', 'container.read-location'],
  ['s3:GetBucketLogging', 'container.read-logging'],
  ['s3:GetBucketMetadataTableConfiguration', 'container.read-metadata-table'],
  ['s3:GetBucketNotification', 'container.read-notification'],
  ['s3:GetBucketObjectLockConfiguration', 'container.read-object-lock'],
  ['s3:GetBucketOwnershipControls', 'container.read-ownership'],
  ['s3:GetBucketPolicy', 'container.read-policy'],
  ['s3:GetBucketPolicyStatus', 'container.read-policy-status'],
  ['s3:GetBucketPublicAccessBlock', 'container.read-public-block'],
  ['s3:GetBucketRequestPayment', 'container.read-payment'],
  ['s3:GetBucketTagging', 'container.read-tags'],
  ['s3:GetBucketVersioning', 'container.read-versioning'],
  ['s3:GetBucketWebsite', 'container.read-website'],
  ['s3:GetEncryptionConfiguration', 'container.read-encryption'],
  ['s3:GetIntelligentTieringConfiguration', 'container.read-tiering'],
  ['s3:GetInventoryConfiguration', 'container.read-inventory'],
  ['s3:GetLifecycleConfiguration', 'container.read-lifecycle'],
  ['s3:GetMetricsConfiguration', 'container.read-metrics'],
  ['s3:GetObject', 'object.read'],
  ['s3:GetObjectAcl', 'object.read-acl'],
  ['s3:GetObjectAttributes', 'object.read-attributes'],
  ['s3:GetObjectLegalHold', 'object.read-hold'],
  ['s3:GetObjectRetention', 'object.read-retention'],
  ['s3:GetObjectTagging', 'object.read-tags'],
  ['s3:GetObjectTorrent', 'object.read-torrent'],
  ['s3:GetObjectVersion', 'object.read-version'],
  ['s3:GetObjectVersionAcl', 'object.read-version-acl'],
  ['s3:GetObjectVersionAttributes', 'object.read-version-attributes'],
  ['s3:GetObjectVersionForReplication'],
  ['s3:GetObjectVersionTagging', 'object.read-version-tags'],
  ['s3:GetObjectVersionTorrent', 'object.read-torrent'],
  ['s3:GetReplicationConfiguration', 'container.read-replication'],
  ['s3:InitiateReplication'],
  ['s3:ListAllMyBuckets', 'account.read'],
  ['s3:ListBucket', 'container.list'],
  ['s3:ListBucketMultipartUploads', 'container.list-uploads'],
  ['s3:ListBucketVersions', 'container.list-versions'],
  ['s3:ListMultipartUploadParts', 'object.list-parts'],
  ['s3:ObjectOwnerOverrideToBucketOwner'],
  ['s3:PauseReplication'],
  ['s3:PutAccelerateConfiguration', 'container.write-accelerate'],
  ['s3:PutAccountPublicAccessBlock', 'account.write-public-block'],
  ['s3:PutAnalyticsConfiguration', 'container.write-analytics'],
  ['s3:PutBucketAbac', 'container.write-abac'],
  ['s3:PutBucketAcl', 'container.write-acl'],
  ['s3:PutBucketCORS', 'container.write-cors'],
  ['s3:PutBucketLogging', 'container.write-logging'],
  ['s3:PutBucketNotification', 'container.write-notification'],
  ['s3:PutBucketObjectLockConfiguration', 'container.write-object-lock'],
  ['s3:PutBucketOwnershipControls', 'container.write-ownership'],
  ['s3:PutBucketPolicy', 'container.write-policy'],
  ['s3:PutBucketPublicAccessBlock', 'container.write-public-block'],
  ['s3:PutBucketRequestPayment', 'container.write-payment'],
  ['s3:PutBucketTagging', 'container.write-tags'],
  ['s3:PutBucketVersioning', 'container.write-versioning'],
  ['s3:PutBucketWebsite', 'container.write-website'],
  ['s3:PutEncryptionConfiguration', 'container.write-encryption'],
  ['s3:PutIntelligentTieringConfiguration', 'container.write-tiering'],
  ['s3:PutInventoryConfiguration', 'container.write-inventory'],
  ['s3:PutLifecycleConfiguration', 'container.write-lifecycle'],
  ['s3:PutMetricsConfiguration', 'container.write-metrics'],
  ['s3:PutObject', 'object.write'],
  ['s3:PutObjectAcl', 'object.write-acl', 'object.bring-acl'],
  ['s3:PutObjectLegalHold', 'object.write-hold'],
  ['s3:PutObjectRetention', 'object.write-retention'],
  ['s3:PutObjectTagging', 'object.write-tags', 'object.bring-tags'],
  ['s3:PutObjectVersionAcl', 'object.write-version-acl'],
  ['s3:PutObjectVersionTagging', 'object.write-version-tags'],
  ['s3:PutReplicationConfiguration', 'container.write-replication'],
  ['s3:ReplicateDelete'],
  ['s3:ReplicateObject'],
  ['s3:ReplicateTags'],
  ['s3:RestoreObject', 'object.restore'],
  ['s3:UpdateBucketMetadataInventoryTableConfiguration', 'container.write-metadata-table'],
  ['s3:UpdateBucketMetadataJournalTableConfiguration', 'container.write-metadata-table'],
  ['s3:UpdateObjectEncryption', 'object.write-encryption'],
] as const;

export type S3Action = (typeof table)[number][0];

export const s3Actions: ReadonlyMap<string, readonly Action[]> = new Map(
  table.map(([name, ...actions]): [string, readonly Action[]] => [name, actions]),
);

/** With a version id the permission is another one. */
const versioned: Partial<Record<S3Action, S3Action>> = {
  's3:DeleteObject': 's3:DeleteObjectVersion',
  's3:DeleteObjectTagging': 's3:DeleteObjectVersionTagging',
  's3:GetObject': 's3:GetObjectVersion',
  's3:GetObjectAcl': 's3:GetObjectVersionAcl',
  's3:GetObjectAttributes': 's3:GetObjectVersionAttributes',
  's3:GetObjectTagging': 's3:GetObjectVersionTagging',
  's3:PutObjectAcl': 's3:PutObjectVersionAcl',
  's3:PutObjectTagging': 's3:PutObjectVersionTagging',
};

export function actionOfVersion(action: S3Action, hasVersionId: boolean): S3Action {
  return hasVersionId ? (versioned[action] ?? action) : action;
}

/** Where an operation's permission does not bear its name, as Amazon's reference has it. */
const operations: Readonly<Record<string, S3Action>> = {
  CreateBucketMetadataConfiguration: 's3:CreateBucketMetadataTableConfiguration',
  DeleteBucketAnalyticsConfiguration: 's3:PutAnalyticsConfiguration',
  DeleteBucketEncryption: 's3:PutEncryptionConfiguration',
  DeleteBucketIntelligentTieringConfiguration: 's3:PutIntelligentTieringConfiguration',
  DeleteBucketInventoryConfiguration: 's3:PutInventoryConfiguration',
  DeleteBucketLifecycle: 's3:PutLifecycleConfiguration',
  DeleteBucketMetadataConfiguration: 's3:DeleteBucketMetadataTableConfiguration',
  DeleteBucketMetricsConfiguration: 's3:PutMetricsConfiguration',
  DeleteBucketOwnershipControls: 's3:PutBucketOwnershipControls',
  DeleteBucketReplication: 's3:PutReplicationConfiguration',
  DeletePublicAccessBlock: 's3:PutBucketPublicAccessBlock',
  GetBucketAccelerateConfiguration: 's3:GetAccelerateConfiguration',
  GetBucketEncryption: 's3:GetEncryptionConfiguration',
  GetBucketLifecycleConfiguration: 's3:GetLifecycleConfiguration',
  GetBucketMetadataConfiguration: 's3:GetBucketMetadataTableConfiguration',
  GetBucketMetadataTable: 's3:GetBucketMetadataTableConfiguration',
  GetBucketNotificationConfiguration: 's3:GetBucketNotification',
  GetBucketReplication: 's3:GetReplicationConfiguration',
  GetObjectLockConfiguration: 's3:GetBucketObjectLockConfiguration',
  GetPublicAccessBlock: 's3:GetBucketPublicAccessBlock',
  ListBucketAnalyticsConfigurations: 's3:GetAnalyticsConfiguration',
  ListBucketIntelligentTieringConfigurations: 's3:GetIntelligentTieringConfiguration',
  ListBucketInventoryConfigurations: 's3:GetInventoryConfiguration',
  ListBucketMetricsConfigurations: 's3:GetMetricsConfiguration',
  PutBucketAccelerateConfiguration: 's3:PutAccelerateConfiguration',
  PutBucketAnalyticsConfiguration: 's3:PutAnalyticsConfiguration',
  PutBucketEncryption: 's3:PutEncryptionConfiguration',
  PutBucketIntelligentTieringConfiguration: 's3:PutIntelligentTieringConfiguration',
  PutBucketInventoryConfiguration: 's3:PutInventoryConfiguration',
  PutBucketLifecycleConfiguration: 's3:PutLifecycleConfiguration',
  PutBucketMetricsConfiguration: 's3:PutMetricsConfiguration',
  PutBucketNotificationConfiguration: 's3:PutBucketNotification',
  PutBucketReplication: 's3:PutReplicationConfiguration',
  PutObjectLockConfiguration: 's3:PutBucketObjectLockConfiguration',
  PutPublicAccessBlock: 's3:PutBucketPublicAccessBlock',
};

/** undefined: the operation has no permission of its own, so nothing can be decided by it. */
export function actionOfOperation(name: string): S3Action | undefined {
  const named = `s3:${name}`;
  return operations[name] ?? (isS3Action(named) ? named : undefined);
}

export function isS3Action(name: string): name is S3Action {
  return s3Actions.has(name);
}
