/**
 * `POST` or `DELETE …?bulk-delete`: a list of percent-encoded names, one a line, objects as
 * `container/object`. The answer is always 200; what became of the names stands in its body
 * (swift/common/middleware/bulk.py).
 */
import type { HttpReply } from '../../http/exchange.ts';
import type { AccountCall } from '../call.ts';
import { bulkLimits } from '../limits.ts';
import { unquote } from '../path.ts';
import { Refusal, refuse } from '../reply.ts';
import { deleteAll, Deletions } from './deletions.ts';
import { slowReply } from './heartbeat.ts';
import { reportType } from './report.ts';

export function bulkDelete(call: AccountCall): Promise<HttpReply> {
  const type = reportType(call.headers) ?? 'text/plain';
  return slowReply(call, type, async () => {
    const deletions = new Deletions();
    try {
      if (reportType(call.headers) === undefined) throw refuse(406);
      await deleteNames(call, await readNames(call), deletions);
      return deletions.render(type);
    } catch (error) {
      if (error instanceof Refusal) return deletions.render(type, error);
      throw error;
    }
  });
}

/** The names of the body: bytes still percent-encoded. Bounded in number and in length. */
async function readNames(call: AccountCall): Promise<readonly string[]> {
  const { request, headers } = call;
  if (headers.get('content-type')?.startsWith('text/plain') === false) throw refuse(406);
  if (request.contentLength === undefined && !request.isChunked) throw refuse(411);
  const names: string[] = [];
  let rest = '';
  for await (const chunk of request.body()) {
    const lines = (rest + Buffer.from(chunk).toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) addName(names, line);
    if (rest.length > bulkLimits.lineBytes) throw refuse(400, 'Invalid File Name');
  }
  addName(names, rest);
  return names;
}

function addName(names: string[], line: string): void {
  const name = line.trim();
  if (name === '') return;
  if (name.length > bulkLimits.lineBytes) throw refuse(400, 'Invalid File Name');
  if (names.length === bulkLimits.deletes) {
    throw refuse(413, `Maximum Bulk Deletes: ${bulkLimits.deletes} per request`);
  }
  names.push(name);
}

/** Objects first, so that a container listed with its objects is empty when its turn comes. */
async function deleteNames(
  call: AccountCall,
  names: readonly string[],
  deletions: Deletions,
): Promise<void> {
  const decoded = names.map(unquote);
  const isContainer = (name: string): boolean => !trimSlashes(name).includes('/');
  for (const phase of [false, true]) {
    await deleteAll(
      call,
      decoded.filter((name) => isContainer(name) === phase),
      deletions,
    );
  }
}

function trimSlashes(name: string): string {
  let start = 0;
  let end = name.length;
  while (start < end && name[start] === '/') start += 1;
  while (end > start && name[end - 1] === '/') end -= 1;
  return name.slice(start, end);
}
