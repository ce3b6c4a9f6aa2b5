/** `DELETE ?multipart-manifest=delete`: a static large object with everything that its manifest names. */
import { isStoreError, toStoreError } from '../../../base/errors.ts';
import type { ObjectReader } from '../../core/api.ts';
import { headerBytes, type HttpReply } from '../../http/exchange.ts';
import { deleteKept } from '../archive/keep.ts';
import { deleteAll, Deletions } from '../bulk/deletions.ts';
import { slowReply } from '../bulk/heartbeat.ts';
import { reportType } from '../bulk/report.ts';
import type { ObjectCall } from '../call.ts';
import { statusOf } from '../error-table.ts';
import { manifestLimits } from '../limits.ts';
import { Refusal, refuse, statusLine, statusReply } from '../reply.ts';
import { readVersionId } from '../versions/version-id.ts';
import { readManifest } from './manifest-view.ts';

/** 200 at all times; what became of the deletions stands in the body. */
export function deleteManifest(call: ObjectCall): Promise<HttpReply> {
  const type = reportType(call.headers) ?? 'text/plain';
  return slowReply(call, type, async () => {
    const deletions = new Deletions();
    try {
      if (reportType(call.headers) === undefined) throw refuse(406);
      // The request itself has been counted: what it deletes is one object.
      await deleteTree({ ...call, door: { ...call.door, limiter: undefined } }, deletions);
      return deletions.render(type);
    } catch (error) {
      if (error instanceof Refusal) return deletions.render(type, error);
      throw error;
    }
  });
}

interface Name {
  readonly container: string;
  readonly key: string;
  /** Of the large object that the request names. */
  readonly versionId?: string | undefined;
}

function bytesOf({ container, key }: Name): string {
  return headerBytes(`/${container}/${key}`);
}

/** Level by level, and the manifests last, inner ones first: what cannot be deleted now can be found again. */
async function deleteTree(call: ObjectCall, deletions: Deletions): Promise<void> {
  const manifests: string[] = [];
  const versionId = readVersionId(call);
  const root: Name = { container: call.container, key: call.key, versionId };
  let level: readonly Name[] = [root];
  let hasVersion = false;
  const seen = new Set<string>();
  while (level.length > 0) {
    const next: Name[] = [];
    for (const name of level) {
      const bytes = bytesOf(name);
      // A manifest that names another twice, or in a circle.
      if (seen.has(bytes)) continue;
      seen.add(bytes);
      const found = await segmentsOf(call, name, deletions);
      if (found === undefined) continue;
      if (name === root && versionId !== undefined) hasVersion = true;
      else manifests.unshift(bytes);
      await deleteAll(call, found.objects.map(bytesOf), deletions);
      next.push(...found.manifests);
    }
    // As Swift bounds it: ten times what one manifest may name.
    if (next.length + manifests.length > manifestLimits.segments * 10) {
      throw refuse(400, 'Too many buffered slo segments to delete.');
    }
    level = next;
  }
  await deleteAll(call, manifests, deletions);
  if (hasVersion) await deleteVersion(call, versionId ?? '', deletions);
}

async function deleteVersion(
  call: ObjectCall,
  versionId: string,
  deletions: Deletions,
): Promise<void> {
  const { account, container, key } = call;
  const command = { account, container, key, versionId, leavesGap: true, condition: {} };
  const { deleted } = await call.door.core.deleteObject(call.context, command);
  deletions.record(bytesOf({ container, key }), deleted === undefined ? 404 : 204);
}

interface Segments {
  readonly objects: readonly Name[];
  readonly manifests: readonly Name[];
}

/** undefined: it cannot be read as a large object, which the report then says. */
async function segmentsOf(
  call: ObjectCall,
  name: Name,
  deletions: Deletions,
): Promise<Segments | undefined> {
  const reader = await openManifest(call, name, deletions);
  if (reader === undefined) return undefined;
  // The parts of a multipart object of the S3 door go with it.
  if (reader.row.body.type === 'parts') return { objects: [], manifests: [] };
  if (reader.large !== 'static') {
    deletions.fail(bytesOf(name), 'Not an SLO manifest');
    return undefined;
  }
  const objects = new Map<string, Name>();
  const manifests: Name[] = [];
  for (const part of await readManifest(reader)) {
    if (part.type === 'data') continue;
    const { container, key } = part;
    if (part.isManifest) manifests.push({ container, key });
    else objects.set(bytesOf(part), { container, key });
  }
  return { objects: [...objects.values()], manifests };
}

async function openManifest(
  call: ObjectCall,
  name: Name,
  deletions: Deletions,
): Promise<ObjectReader | undefined> {
  const { account } = call;
  const which = { account, ...name, condition: {}, asManifest: true };
  try {
    return await call.door.core.openObject(call.context, which);
  } catch (error) {
    if (!isStoreError(error)) throw error;
    const status = statusOf(call, toStoreError(error, 'manifest.delete'));
    if (status === 404) deletions.record(bytesOf(name), 404);
    else deletions.fail(bytesOf(name), statusLine(status), status >= 500);
    return undefined;
  }
}

/**
 * `&async=yes`: 204 like any DELETE. Swift leaves the segments to its expirer; here they are gone when
 * the reply comes, and the bounds that let Swift do so in one go are kept: one container, no manifests inside.
 */
export async function deleteManifestQuietly(call: ObjectCall): Promise<HttpReply> {
  const { core } = call.door;
  const { account, container, key, context } = call;
  const address = { account, container, key, versionId: readVersionId(call), condition: {} };
  const reader = await core.openObject(context, { ...address, asManifest: true });
  if (reader.row.body.type !== 'parts') {
    if (reader.large !== 'static') throw refuse(400, 'Not an SLO manifest');
    await deleteSegments(call, reader);
  }
  const kept = address.versionId === undefined ? await deleteKept(call) : undefined;
  if (kept !== undefined) return kept;
  const outcome = await core.deleteObject(context, { ...address, leavesGap: true });
  return statusReply(outcome.deleted === undefined ? 404 : 204);
}

async function deleteSegments(call: ObjectCall, reader: ObjectReader): Promise<void> {
  const parts = (await readManifest(reader)).filter((part) => part.type === 'object');
  const containers = [...new Set(parts.map(({ container }) => container))];
  if (containers.length > 1) {
    const shown = containers.map((name) => `"${encodeURIComponent(name)}"`).join(', ');
    throw refuse(400, `All segments must be in one container. Found segments in ${shown}`);
  }
  if (parts.some(({ isManifest }) => isManifest)) {
    throw refuse(400, 'No segments may be large objects.');
  }
  const { core } = call.door;
  const { account, context } = call;
  const waiting = new Map(parts.map((part) => [part.key, part])).values();
  const worker = async (): Promise<void> => {
    for (const { container, key } of waiting) {
      try {
        await core.deleteObject(context, { account, container, key, condition: {} });
      } catch (error) {
        if (!isStoreError(error, 'no-such-container')) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}
