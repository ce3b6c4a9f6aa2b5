import { StoreError } from '../../base/errors.ts';
import { NodeDisk } from '../../base/node-disk.ts';
import { type ControlAddress, controlPath } from '../../server/admin/control.ts';

/** Asks the server that runs on a data folder; `unavailable` when none does. */
export async function callControl(data: string, call: string): Promise<string> {
  const bytes = await new NodeDisk(data).readAll(controlPath);
  const gone = `no server runs on ${data}`;
  if (bytes === undefined) throw new StoreError('unavailable', 'control', gone);
  const { url, token } = JSON.parse(Buffer.from(bytes).toString('utf8')) as ControlAddress;
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}${call}`, { method: 'POST', headers }).catch(
    (cause: unknown) => {
      throw new StoreError('unavailable', 'control', gone, { cause });
    },
  );
  const text = (await answer.text()).trim();
  if (!answer.ok) throw new StoreError('invalid-argument', 'control', text);
  return text;
}

/** Asks it, and prints what it says. */
export async function printControl(data: string, call: string): Promise<void> {
  process.stdout.write(`${await callControl(data, call)}\n`);
}
