/** The route table knows every operation of the S3 model that today's boto3 brings. */
import { beforeAll, expect, it } from 'vitest';
import { documentedOperations, ownOperations } from './api-matrix.ts';
import { installPythonTools, runTool } from '../process/python-tools.ts';

beforeAll(() => installPythonTools(), 300_000);

it("has a row for each operation of boto3's model, and no other but our own", async () => {
  const script =
    'import boto3; print("\\n".join(boto3.client("s3", region_name="us-east-1").meta.service_model.operation_names))';
  const printed = await runTool('python', ['-c', script], {});
  const model = printed.trim().split('\n');
  expect(model.length).toBeGreaterThan(100);
  const ours = documentedOperations();
  expect(ours.toSorted()).toEqual([...model, ...ownOperations].toSorted());
});
