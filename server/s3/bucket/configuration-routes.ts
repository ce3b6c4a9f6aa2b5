/** Rows of the route table: documents that configure a bucket. See routes.ts. */
import { actionOfOperation } from '../access/actions.ts';
import {
  type ConfigurationKind,
  deleteConfiguration,
  getConfigurations,
  putConfiguration,
} from './configurations.ts';
import {
  analyticsConfigurations,
  getAccelerate,
  metricsConfigurations,
  putAccelerate,
} from './kept-configurations.ts';
import { getBucketRequestPayment, putBucketRequestPayment } from './request-payment.ts';
import type { Operation } from '../call.ts';
import { inventoryConfigurations } from '../inventory/configuration.ts';
import { getBucketLogging, putBucketLogging } from '../logging/configuration.ts';
import {
  getBucketNotification,
  putBucketNotification,
} from '../notification/bucket-notification.ts';
import {
  deleteBucketReplication,
  getBucketReplication,
  putBucketReplication,
} from '../replication/bucket-replication.ts';
import {
  deleteBucketWebsite,
  getBucketWebsite,
  putBucketWebsite,
} from '../website/bucket-website.ts';
import type { Built } from '../call.ts';

/** Several configurations of one kind, each by its id. */
function byId(marker: string, name: string, kind: ConfigurationKind): readonly Built[] {
  const row = (method: string, operation: string, run: Operation): Built => [
    `${method} bucket ?${marker}`,
    operation,
    actionOfOperation(operation) ?? 's3:ListBucket',
    run,
  ];
  return [
    row('GET', `List${name}s`, getConfigurations(kind)),
    row('PUT', `Put${name}`, putConfiguration(kind)),
    row('DELETE', `Delete${name}`, deleteConfiguration(kind)),
  ];
}

export const configurationRoutes: readonly Built[] = [
  [
    'GET bucket ?notification',
    'GetBucketNotificationConfiguration',
    's3:GetBucketNotification',
    getBucketNotification,
  ],
  [
    'PUT bucket ?notification',
    'PutBucketNotificationConfiguration',
    's3:PutBucketNotification',
    putBucketNotification,
  ],
  [
    'GET bucket ?requestPayment',
    'GetBucketRequestPayment',
    's3:GetBucketRequestPayment',
    getBucketRequestPayment,
  ],
  [
    'PUT bucket ?requestPayment',
    'PutBucketRequestPayment',
    's3:PutBucketRequestPayment',
    putBucketRequestPayment,
  ],
  ['GET bucket ?logging', 'GetBucketLogging', 's3:GetBucketLogging', getBucketLogging],
  ['PUT bucket ?logging', 'PutBucketLogging', 's3:PutBucketLogging', putBucketLogging],
  [
    'GET bucket ?replication',
    'GetBucketReplication',
    's3:GetReplicationConfiguration',
    getBucketReplication,
  ],
  [
    'PUT bucket ?replication',
    'PutBucketReplication',
    's3:PutReplicationConfiguration',
    putBucketReplication,
  ],
  [
    'DELETE bucket ?replication',
    'DeleteBucketReplication',
    's3:PutReplicationConfiguration',
    deleteBucketReplication,
  ],
  [
    'GET bucket ?accelerate',
    'GetBucketAccelerateConfiguration',
    's3:GetAccelerateConfiguration',
    getAccelerate,
  ],
  [
    'PUT bucket ?accelerate',
    'PutBucketAccelerateConfiguration',
    's3:PutAccelerateConfiguration',
    putAccelerate,
  ],
  ...byId('metrics', 'BucketMetricsConfiguration', metricsConfigurations),
  ...byId('analytics', 'BucketAnalyticsConfiguration', analyticsConfigurations),
  ...byId('inventory', 'BucketInventoryConfiguration', inventoryConfigurations),
  ['GET bucket ?website', 'GetBucketWebsite', 's3:GetBucketWebsite', getBucketWebsite],
  ['PUT bucket ?website', 'PutBucketWebsite', 's3:PutBucketWebsite', putBucketWebsite],
  ['DELETE bucket ?website', 'DeleteBucketWebsite', 's3:DeleteBucketWebsite', deleteBucketWebsite],
];
