/**
 * What a bucket policy adds to a GET: the decision about access with a policy of five statements, and without one.
 * CPU time a decision, so that other load on the machine does not count. One JSON line. `node bench/policy.ts`
 */
import type { RequestContext } from '../server/core/request.ts';
import type { Action } from '../server/core/access/actions.ts';
import { createHarness, type Harness } from '../test/unit/s3/harness.ts';

const DECISIONS = 20_000;
const ROUNDS = 9;

/** A reader in another account, who must come from the office, and what nobody may do: of the usual kind. */
function policyOf(bucket: string): string {
  const arn = `arn:aws:s3:::${bucket}`;
  const office = { IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '192.168.0.0/16'] } };
  const reader = { AWS: 'arn:aws:iam::AUTH_two:root' };
  const rules = [
    {
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:*',
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    },
    { Effect: 'Deny', Principal: '*', Action: 's3:DeleteObject*', Resource: `${arn}/keep/*` },
    { Effect: 'Allow', Principal: reader, Action: 's3:GetObject', Condition: office },
    { Effect: 'Allow', Principal: reader, Action: 's3:PutObject', Resource: `${arn}/in/*` },
    { Effect: 'Allow', Principal: reader, Action: 's3:ListBucket', Resource: arn },
  ];
  const Statement = rules.map((rule) => ({ Resource: `${arn}/*`, ...rule }));
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

function contextOf(account: string): RequestContext {
  const known: Readonly<Record<string, string>> = { 'source-ip': '10.1.2.3', secure: 'true' };
  return {
    principal: { type: 'user', account, user: 'root', role: 'owner' },
    facts: (name) => (known[name] === undefined ? undefined : [known[name]]),
  };
}

async function microsOf({ core }: Harness, container: string, account: string): Promise<number> {
  const context = contextOf(account);
  const address = { account: undefined, container, key: 'k', versionId: undefined };
  const actions: readonly Action[] = ['object.read'];
  const before = process.cpuUsage();
  for (let i = 0; i < DECISIONS; i++) await core.authorise(context, { address, actions });
  const { user, system } = process.cpuUsage(before);
  return (user + system) / DECISIONS;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const harness = createHarness();
for (const bucket of ['plain', 'ruled']) await harness.ask('PUT', `/${bucket}`);
await harness.ask('PUT', '/ruled', { query: { policy: '' }, body: policyOf('ruled') });

const measured: Record<string, number[]> = { plain: [], owner: [], reader: [] };
for (let round = 0; round < ROUNDS; round++) {
  measured['plain']?.push(await microsOf(harness, 'plain', 'AUTH_one'));
  measured['owner']?.push(await microsOf(harness, 'ruled', 'AUTH_one'));
  measured['reader']?.push(await microsOf(harness, 'ruled', 'AUTH_two'));
}
const [plain = 0, owner = 0, reader = 0] = Object.values(measured).map(median);
const rounded = (micros: number): number => Math.round(micros * 100) / 100;
const line = {
  case: 'access-decision',
  microsWithoutPolicy: rounded(plain),
  addedForOwnerMicros: rounded(owner - plain),
  addedForReaderMicros: rounded(reader - plain),
};
process.stdout.write(`${JSON.stringify(line)}\n`);
