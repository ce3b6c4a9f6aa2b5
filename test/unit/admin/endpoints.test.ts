import { describe, expect, it } from 'vitest';
import { deviceId } from '../../../base/units.ts';
import { answerEndpoints, type EndpointsSource } from '../../../server/admin/endpoints.ts';
import {
  account,
  createContainer,
  createFixture,
  owner,
  putCommand,
  text,
} from '../core/fixture.ts';

const device = (
  id: number,
  node: string,
): ReturnType<EndpointsSource['map']>['devices'][number] => ({
  ...{ id: deviceId(id), uuid: String(id), region: 'r', zone: 'z', node, path: `/d${id}` },
  ...{ weight: 1, status: 'up' as const },
});

async function source(): Promise<EndpointsSource> {
  const fixture = createFixture();
  await createContainer(fixture.core, 'box');
  await fixture.core.putObject(owner, putCommand('box', 'small', text('x')));
  await fixture.core.putObject(owner, putCommand('box', 'large/ü', text('x'.repeat(1000))));
  return {
    rows: fixture.rows,
    map: () => ({
      devices: [device(1, 'a'), device(2, 'b'), device(3, 'b')],
      nodes: [
        { name: 'a', address: '10.0.0.1:9000', region: 'r', zone: 'z' },
        { name: 'b', address: '10.0.0.2:9000', region: 'r', zone: 'z' },
      ],
      shards: [
        {
          ...{ id: 7, start: '0'.repeat(32), epoch: 1 },
          ...{ replicas: [1, 2], inSync: [1], primary: 1 },
        },
      ] as unknown as ReturnType<EndpointsSource['map']>['shards'],
    }),
    homesOf: () => [3, 1],
  };
}

describe('/endpoints', () => {
  it('tells where the row is, and where a large body is', async () => {
    const from = await source();
    const ask = (path: string): Promise<unknown> => answerEndpoints(from, `/endpoints/${path}`);
    const inRow = (rest: string): string[] => [
      `http://10.0.0.1:9000/device-1/7/${rest}`,
      `http://10.0.0.2:9000/device-2/7/${rest}`,
    ];
    expect(await ask(account)).toEqual(inRow(account));
    for (const rest of ['box', 'none', 'box/small', 'box/none']) {
      expect(await ask(`v1/${account}/${rest}`)).toEqual(inRow(`${account}/${rest}`));
    }
    const large = await ask(`v2/${account}/box/large/%C3%BC`);
    const rest = expect.stringMatching(
      new RegExp(`^http://10\\.0\\.0\\.[12]:9000/device-[13]/\\d+/${account}/box/large/%C3%BC$`),
    ) as unknown;
    expect(large).toEqual({ endpoints: [rest, rest], headers: {} });
  });

  it('tells where the row of a name is in a container that lies in pieces', async () => {
    const from = await source();
    const [first, second] = ['0'.repeat(31), 'f'.repeat(31)].map((start) => `${start}1`);
    const piece = { of: first, from: '', to: 'm', next: second, round: 0 };
    const get = ((table: string, key: { containerId: string }) => {
      const row = table === 'directory' ? { containerId: first } : undefined;
      const isFirst = table === 'container' && key.containerId === first;
      return Promise.resolve(isFirst ? { piece } : row);
    }) as unknown as EndpointsSource['rows']['get'];
    const shards = [
      { id: 7, start: '', replicas: [1] },
      { id: 8, start: 'f', replicas: [2] },
    ] as unknown as ReturnType<EndpointsSource['map']>['shards'];
    const cut = { ...from, rows: { get }, map: () => ({ ...from.map(), shards }) };
    const ask = (name: string): Promise<unknown> => answerEndpoints(cut, `/endpoints/${name}`);
    expect(await ask('a/box/l')).toEqual(['http://10.0.0.1:9000/device-1/7/a/box/l']);
    expect(await ask('a/box/m')).toEqual(['http://10.0.0.2:9000/device-2/8/a/box/m']);
  });

  it('knows nothing of names that are none', async () => {
    const from = await source();
    for (const path of ['', 'v1/%FF/c', 'a/%FF', 'a//k']) {
      expect([path, await answerEndpoints(from, `/endpoints/${path}`)]).toEqual([path, undefined]);
    }
  });
});
