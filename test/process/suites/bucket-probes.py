"""Every read of a bucket's sub-resources that boto3 knows, on a fresh bucket and on one with everything set.

Prints one JSON object: {"fresh": {call: "ok" or code}, "set": {call: true or what differs}}.
"""
import json
import sys
import tempfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

url, key, secret = sys.argv[1:4]
s3 = boto3.client('s3', endpoint_url=url, region_name='us-east-1', aws_access_key_id=key,
                  aws_secret_access_key=secret, verify=False,
                  config=Config(s3={'addressing_style': 'path'}, retries={'max_attempts': 1}))
s3.create_bucket(Bucket='fresh')

names = [name for name in dir(s3) if name.startswith('get_bucket_')]
names += [name for name in dir(s3) if name.startswith('list_bucket_') and name.endswith('_configurations')]
names += ['get_public_access_block', 'get_object_lock_configuration', 'list_multipart_uploads',
          'list_object_versions', 'list_objects_v2', 'head_bucket']
fresh = {}
for name in names:
    operation = s3.meta.method_to_api_mapping[name]
    required = s3.meta.service_model.operation_model(operation).input_shape.required_members
    arguments = {'Bucket': 'fresh', **({'Id': 'one'} if 'Id' in required else {})}
    try:
        getattr(s3, name)(**arguments)
        fresh[name] = 'ok'
    except ClientError as error:
        fresh[name] = error.response['Error']['Code']

s3.create_bucket(Bucket='logs')
owner = s3.get_bucket_acl(Bucket='logs')['Owner']['ID']
s3.put_bucket_policy(Bucket='logs', Policy=json.dumps({'Version': '2012-10-17', 'Statement': [{
    'Effect': 'Allow', 'Principal': {'Service': 'logging.s3.amazonaws.com'}, 'Action': 's3:PutObject',
    'Resource': 'arn:aws:s3:::logs/*', 'Condition': {'StringEquals': {'aws:SourceAccount': owner}}}]}))
s3.create_bucket(Bucket='full')
cors = [{'AllowedMethods': ['GET'], 'AllowedOrigins': ['*'], 'MaxAgeSeconds': 7}]
website = {'IndexDocument': {'Suffix': 'index.html'}, 'ErrorDocument': {'Key': 'error.html'},
           'RoutingRules': [{'Condition': {'KeyPrefixEquals': 'a/'}, 'Redirect': {'ReplaceKeyPrefixWith': 'b/'}}]}
lifecycle = [{'ID': 'one', 'Status': 'Enabled', 'Filter': {'Prefix': 'tmp/'}, 'Expiration': {'Days': 3}}]
logging = {'TargetBucket': 'logs', 'TargetPrefix': 'full/',
           'TargetObjectKeyFormat': {'PartitionedPrefix': {'PartitionDateSource': 'EventTime'}}}
metrics = {'Id': 'one', 'Filter': {'Prefix': 'a/'}}
analytics = {'Id': 'one', 'StorageClassAnalysis': {}}
inventory = {'Id': 'one', 'IsEnabled': True, 'IncludedObjectVersions': 'Current', 'Schedule': {'Frequency': 'Daily'},
             'Destination': {'S3BucketDestination': {'Bucket': 'arn:aws:s3:::logs', 'Format': 'CSV', 'Prefix': 'inv'}},
             'OptionalFields': ['Size', 'ETag']}
access = {'BlockPublicAcls': True, 'IgnorePublicAcls': True, 'BlockPublicPolicy': True, 'RestrictPublicBuckets': True}
tags = [{'Key': 'a', 'Value': 'b'}]
ownership = {'Rules': [{'ObjectOwnership': 'BucketOwnerEnforced'}]}
events = [{'Id': 'one', 'QueueArn': 'arn:torc:sqs:us-east-1:main:hook', 'Events': ['s3:ObjectCreated:*'],
           'Filter': {'Key': {'FilterRules': [{'Name': 'prefix', 'Value': 'in/'}]}}}]

puts = [
    ('bucket_cors', {'CORSConfiguration': {'CORSRules': cors}}, 'CORSRules', cors),
    ('bucket_tagging', {'Tagging': {'TagSet': tags}}, 'TagSet', tags),
    ('bucket_website', {'WebsiteConfiguration': website}, 'RoutingRules', website['RoutingRules']),
    ('bucket_versioning', {'VersioningConfiguration': {'Status': 'Enabled'}}, 'Status', 'Enabled'),
    ('bucket_lifecycle_configuration', {'LifecycleConfiguration': {'Rules': lifecycle}}, 'Rules', lifecycle),
    ('bucket_logging', {'BucketLoggingStatus': {'LoggingEnabled': logging}}, 'LoggingEnabled', logging),
    ('bucket_request_payment', {'RequestPaymentConfiguration': {'Payer': 'Requester'}}, 'Payer', 'Requester'),
    ('bucket_accelerate_configuration', {'AccelerateConfiguration': {'Status': 'Suspended'}}, 'Status', 'Suspended'),
    ('bucket_ownership_controls', {'OwnershipControls': ownership}, 'OwnershipControls', ownership),
    ('public_access_block', {'PublicAccessBlockConfiguration': access}, 'PublicAccessBlockConfiguration', access),
    ('bucket_metrics_configuration', {'Id': 'one', 'MetricsConfiguration': metrics}, 'MetricsConfiguration', metrics),
    ('bucket_analytics_configuration', {'Id': 'one', 'AnalyticsConfiguration': analytics},
     'AnalyticsConfiguration', analytics),
    ('bucket_inventory_configuration', {'Id': 'one', 'InventoryConfiguration': inventory},
     'InventoryConfiguration', inventory),
    ('bucket_notification_configuration',
     {'NotificationConfiguration': {'QueueConfigurations': events}, 'SkipDestinationValidation': True},
     'QueueConfigurations', events),
]
found = {}
for name, arguments, shown, wanted in puts:
    try:
        getattr(s3, 'put_' + name)(Bucket='full', **arguments)
        asked = {'Id': 'one'} if 'Id' in arguments else {}
        got = getattr(s3, 'get_' + name)(Bucket='full', **asked).get(shown)
        found[name] = got == wanted or got
    except ClientError as error:
        found[name] = str(error)
print(json.dumps({'fresh': fresh, 'set': found}))
