/** Runs a step on core and on the model, and compares all that can be seen. */
import { expect } from 'vitest';
import { micros } from '../../../base/units.ts';
import type { WriteCondition } from '../../../server/core/commands.ts';
import { accountIdOf } from '../../../server/core/ids.ts';
import { versionIdOf } from '../../../server/core/model.ts';
import {
  type Fixture,
  MIN_PART_BYTES,
  account,
  bodyOf,
  createContainer,
  createFixture,
  kindOf,
  owner,
  pageQuery,
  putCommand,
  readAll,
  reap,
  referredBodies,
} from './fixture.ts';
import { Model, type ModelCondition, type ModelVersion } from './model.ts';

const container = 'model';
const address = { account, container };
const wrongEtag = 'ffffffffffffffffffffffffffffffff';

type ConditionName = 'none' | 'absent' | 'any' | 'current' | 'wrong';

export type Step =
  | { type: 'put'; key: string; size: number; condition: ConditionName }
  | { type: 'put-expiring'; key: string; millis: number }
  | {
      type: 'delete';
      key: string;
      /** Undefined: no version id. A number: that one of the versions there are; `bad`: none of them. */
      version: number | 'bad' | 'null' | undefined;
      /** Swift's way. */
      leavesGap: boolean;
      condition: ConditionName;
    }
  | { type: 'promote'; key: string; version: number }
  | { type: 'versioning'; to: 'off' | 'enabled' | 'suspended' }
  /** Null: the newest. */
  | { type: 'update'; key: string; version: number | null }
  | { type: 'wait'; millis: number }
  | { type: 'create-upload'; key: string }
  | { type: 'put-part'; upload: number; partNumber: number; size: number }
  | {
      type: 'complete';
      upload: number;
      how: 'all' | 'last' | 'reversed' | 'wrong-etag' | 'none';
      condition: ConditionName;
    }
  | { type: 'abort'; upload: number }
  | { type: 'copy'; from: string; to: string };

type StepOf<T extends Step['type']> = Extract<Step, { type: T }>;

export class CompareCore {
  readonly #fixture: Fixture;
  readonly #containerId: string;
  readonly #model: Model;
  readonly #uploadIds: { readonly uploadId: string; readonly key: string }[] = [];
  #filler = 0;

  static async create(encryptAll: boolean): Promise<CompareCore> {
    const fixture = createFixture();
    fixture.keys.encryptAll = encryptAll;
    return new CompareCore(fixture, await createContainer(fixture.core, container));
  }

  constructor(fixture: Fixture, containerId: string) {
    this.#fixture = fixture;
    this.#containerId = containerId;
    this.#model = new Model(fixture.clock.now(), MIN_PART_BYTES);
  }

  #bytes(size: number): Uint8Array {
    return Buffer.alloc(size, (this.#filler++ % 251) + 1);
  }

  #condition(key: string, name: string): ModelCondition & WriteCondition {
    if (name === 'absent') return { ifNoneMatch: '*' };
    if (name === 'any') return { ifMatch: '*' };
    if (name === 'wrong') return { ifMatch: [wrongEtag] };
    if (name !== 'current') return {};
    return { ifMatch: [wrongEtag, this.#model.visible(key)?.etag ?? wrongEtag] };
  }

  async run(step: Step): Promise<void> {
    switch (step.type) {
      case 'put':
        return this.#put(step);
      case 'put-expiring':
        return this.#putExpiring(step);
      case 'delete':
        return this.#delete(step);
      case 'promote':
        return this.#promote(step);
      case 'versioning':
        return this.#setVersioning(step);
      case 'update':
        return this.#update(step);
      case 'wait':
        this.#fixture.clock.advance(step.millis);
        this.#model.now += step.millis;
        return;
      case 'create-upload':
        return this.#createUpload(step);
      case 'put-part':
        return this.#putPart(step);
      case 'complete':
        return this.#complete(step);
      case 'abort':
        return this.#abort(step);
      case 'copy':
        return this.#copy(step);
    }
  }

  async #put({ key, size, condition: name }: StepOf<'put'>): Promise<void> {
    const bytes = this.#bytes(size);
    const condition = this.#condition(key, name);
    const expected = this.#model.check(key, condition);
    const replaced = this.#model.visible(key) !== undefined;
    const put = this.#fixture.core.putObject(
      owner,
      putCommand(container, key, bytes, { condition }),
    );
    expect(await kindOf(put)).toBe(expected ?? 'fulfilled');
    if (expected !== undefined) return;
    const outcome = await put;
    expect(outcome.replaced).toBe(replaced);
    this.#model.put(key, bytes, { stamp: outcome.row.version });
  }

  async #putExpiring({ key, millis }: StepOf<'put-expiring'>): Promise<void> {
    const bytes = this.#bytes(30);
    const expiresAt = this.#fixture.clock.now() + millis;
    const command = putCommand(container, key, bytes, { expiresAt });
    const { row } = await this.#fixture.core.putObject(owner, command);
    this.#model.put(key, bytes, { stamp: row.version, expiresAt });
  }

  async #promote({ key, version }: StepOf<'promote'>): Promise<void> {
    const versions = this.#model.versionsOf(key);
    const chosen = versions[version % Math.max(1, versions.length)];
    const stamp = micros(chosen?.stamp ?? 1);
    const versionId = versionIdOf({ version: stamp, isNull: chosen?.isNull ?? false });
    const call = this.#fixture.core.promoteVersion(owner, { ...address, key, versionId });
    const isGone = chosen?.isNull === true && this.#isExpired(chosen);
    const expected =
      chosen === undefined || isGone
        ? 'no-such-version'
        : chosen.marker
          ? 'is-delete-marker'
          : chosen.isNull
            ? 'no-such-version'
            : 'fulfilled';
    expect(await kindOf(call)).toBe(expected);
    if (expected === 'fulfilled') this.#model.promote(key, stamp);
  }

  #isExpired(version: ModelVersion): boolean {
    return version.expiresAt !== undefined && version.expiresAt <= this.#model.now;
  }

  async #delete(step: StepOf<'delete'>): Promise<void> {
    const { key, version, condition: name, leavesGap } = step;
    const condition = this.#condition(key, name);
    const expected = this.#model.check(key, condition);
    const versions = this.#model.versionsOf(key);
    const chosen =
      typeof version === 'number' ? versions[version % Math.max(1, versions.length)] : undefined;
    const versionId =
      version === undefined || version === 'null'
        ? version
        : chosen === undefined
          ? '0000000000000001'
          : versionIdOf({ version: micros(chosen.stamp), isNull: chosen.isNull });
    const visible = this.#model.visible(key);
    const command = { ...address, key, versionId, leavesGap, condition };
    const call = this.#fixture.core.deleteObject(owner, command);
    expect(await kindOf(call)).toBe(expected ?? 'fulfilled');
    if (expected !== undefined) return;
    const { deleted, marker, current } = await call;
    const { versioning } = this.#model;
    if (versionId === undefined) {
      expect(deleted?.version).toBe(visible?.stamp);
      const isDropped = leavesGap && versioning === 'suspended';
      expect(marker === undefined).toBe(versioning === 'off' || isDropped);
      if (isDropped) this.#model.dropCurrent(key);
      else this.#model.delete(key, marker?.version);
    } else {
      const found =
        versionId === 'null'
          ? (versions.find((one) => one.isNull) ?? (leavesGap ? visible : undefined))
          : chosen;
      expect(deleted?.version).toBe(found?.stamp);
      if (versionId === 'null' && found?.isNull === false) this.#model.dropCurrent(key);
      else if (found !== undefined) this.#model.removeVersion(key, found.stamp, leavesGap);
    }
    expect(current?.version).toBe(this.#model.visible(key)?.stamp);
  }

  async #setVersioning({ to }: StepOf<'versioning'>): Promise<void> {
    const change = { settings: {}, versioning: to };
    const isRefused = to === 'off' && this.#model.versioning !== 'off';
    const call = this.#fixture.core.updateContainer(owner, address, change);
    expect(await kindOf(call)).toBe(isRefused ? 'invalid-argument' : 'fulfilled');
    if (!isRefused) this.#model.versioning = to;
  }

  async #update({ key, version }: StepOf<'update'>): Promise<void> {
    const versions = this.#model.versionsOf(key);
    const chosen = version === null ? this.#model.visible(key) : versions[version];
    const versionId =
      version === null
        ? undefined
        : chosen === undefined
          ? '0000000000000001'
          : versionIdOf({ version: micros(chosen.stamp), isNull: chosen.isNull });
    const user = `u${this.#filler++}`;
    const change = { user: { mark: user } };
    const call = this.#fixture.core.updateObject(owner, { ...address, key, versionId }, change);
    const isGone = chosen?.isNull === true && this.#isExpired(chosen);
    const missing = version === null ? 'no-such-object' : 'no-such-version';
    const expected =
      chosen === undefined || isGone ? missing : chosen.marker ? 'is-delete-marker' : 'fulfilled';
    expect(await kindOf(call)).toBe(expected);
    if (expected === 'fulfilled' && chosen !== undefined) chosen.user = user;
  }

  async #createUpload({ key }: StepOf<'create-upload'>): Promise<void> {
    const { uploadId } = await this.#fixture.core.createUpload(owner, {
      ...address,
      key,
      contentType: 'text/plain',
      system: {},
      user: {},
    });
    this.#uploadIds.push({ uploadId, key });
    this.#model.createUpload(uploadId, key);
  }

  #uploadAt(index: number): { readonly uploadId: string; readonly key: string } {
    const known = this.#uploadIds[index % Math.max(1, this.#uploadIds.length)];
    return known ?? { uploadId: '0'.repeat(32), key: 'a' };
  }

  async #putPart({ upload, partNumber, size }: StepOf<'put-part'>): Promise<void> {
    const at = this.#uploadAt(upload);
    const bytes = this.#bytes(size);
    const command = { ...address, ...at, partNumber, body: bodyOf(bytes) };
    const kind = await kindOf(this.#fixture.core.putPart(owner, command));
    expect(kind).toBe(this.#model.putPart(at.uploadId, partNumber, bytes) ?? 'fulfilled');
  }

  async #complete({ upload, how, condition: name }: StepOf<'complete'>): Promise<void> {
    const at = this.#uploadAt(upload);
    const condition = this.#condition(at.key, name);
    const known = [...(this.#model.upload(at.uploadId)?.parts ?? [])]
      .map(([partNumber, { etag }]) => ({ partNumber, etag }))
      .sort((a, b) => a.partNumber - b.partNumber);
    const listed = {
      all: known,
      last: known.slice(-1),
      reversed: known.toReversed(),
      'wrong-etag': known.map((part) => ({ ...part, etag: wrongEtag })),
      none: [],
    }[how];
    const command = { ...address, ...at, parts: listed, condition };
    const call = this.#fixture.core.completeUpload(owner, command);
    const expected = this.#model.checkComplete(at.uploadId, listed, condition);
    expect(await kindOf(call)).toBe(expected ?? 'fulfilled');
    if (expected !== undefined) return;
    const { row } = await call;
    expect(row.etag).toBe(this.#model.complete(at.uploadId, listed, row.version));
  }

  async #abort({ upload }: StepOf<'abort'>): Promise<void> {
    const at = this.#uploadAt(upload);
    const kind = await kindOf(this.#fixture.core.abortUpload(owner, { ...address, ...at }));
    expect(kind).toBe(this.#model.abort(at.uploadId) ?? 'fulfilled');
  }

  async #copy({ from, to }: StepOf<'copy'>): Promise<void> {
    const source = this.#model.visible(from);
    const call = this.#fixture.core.copyObject(owner, {
      source: { ...address, key: from },
      sourceCondition: {},
      target: { ...address, key: to },
      condition: {},
      describe: () => ({ contentType: 'text/plain', system: {}, user: {} }),
    });
    const isMarker = this.#model.current(from)?.marker === true;
    const missing = isMarker ? 'is-delete-marker' : 'no-such-object';
    expect(await kindOf(call)).toBe(source === undefined ? missing : 'fulfilled');
    if (source === undefined) return;
    this.#model.put(to, source.bytes, { stamp: (await call).row.version });
  }

  async check(): Promise<void> {
    const { core, rows } = this.#fixture;
    const { container: info, page } = await core.listObjects(owner, address, pageQuery());
    expect(page.items.map((item) => item.name)).toEqual(this.#model.listed());
    expect(info.usage).toEqual(this.#model.usage());
    const { objects, versionBytes } = info.usage;
    const accountUsage = await rows.accountUsage(accountIdOf(account));
    const sums = { containers: 1, objects, bytes: versionBytes };
    expect(accountUsage).toEqual({ ...sums, policies: { [info.row.policy]: sums } });
    for (const key of this.#model.keys()) await this.#checkKey(key);
    this.#checkLinks();
    await this.#checkVersionPages(3, false);
    await this.#checkVersionPages(2, true);
    const uploads = await core.listUploads(owner, address, pageQuery());
    const ids = uploads.items.flatMap((item) => (item.type === 'row' ? [item.row.uploadId] : []));
    const expected = this.#model.openUploads().map((upload) => upload.uploadId);
    expect(ids.toSorted()).toEqual(expected.toSorted());
  }

  async #checkKey(key: string): Promise<void> {
    const { core } = this.#fixture;
    const visible = this.#model.visible(key);
    const open = core.openObject(owner, { ...address, key, condition: {} });
    if (visible === undefined) expect(await kindOf(open)).not.toBe('fulfilled');
    else expect(await readAll(await open)).toEqual(Buffer.from(visible.bytes));
    for (const version of this.#model.versionsOf(key)) {
      const versionId = versionIdOf({ version: micros(version.stamp), isNull: version.isNull });
      const call = core.openObject(owner, { ...address, key, versionId, condition: {} });
      const isGone = version.isNull && this.#isExpired(version);
      if (version.marker) {
        expect(await kindOf(call)).toBe('is-delete-marker');
      } else if (isGone) {
        expect(await kindOf(call)).toBe('no-such-version');
      } else {
        const reader = await call;
        expect(reader.row.user['mark'] ?? '').toBe(version.user);
        expect(await readAll(reader)).toEqual(Buffer.from(version.bytes));
      }
    }
  }

  /** All versions, read in pages: newest first within a key, none missing, none twice. */
  async #checkVersionPages(limit: number, reverse: boolean): Promise<void> {
    const seen: string[] = [];
    let marker: object = {};
    for (let pages = 0; pages < 100; pages++) {
      const query = { ...pageQuery({ limit, reverse }), ...marker };
      const page = await this.#fixture.core.listVersions(owner, address, query);
      for (const item of page.items) {
        if (item.type === 'group') throw new Error('no delimiter was given');
        seen.push(describe(item.name, item.row.version, item.isLatest, item.row.isNull));
        const [name, id] = [item.name, versionIdOf(item.row)];
        marker = reverse
          ? { before: name, beforeVersionId: id }
          : { after: name, afterVersionId: id };
      }
      if (!page.truncated) break;
    }
    const expected = this.#model.keys().flatMap((key) => {
      const current = this.#model.current(key);
      return this.#model
        .versionsOf(key)
        .map((version) => describe(key, version.stamp, version === current, version.isNull));
    });
    expect(seen).toEqual(reverse ? expected.toReversed() : expected);
  }

  /** When the reaper has been, only bodies that a row refers to are left, and each has its claim. */
  async checkNothingLeaks(): Promise<void> {
    const { rows, bodies, clock } = this.#fixture;
    clock.advance(7 * 24 * 3600 * 1000);
    await reap(this.#fixture);
    const referred = referredBodies(this.#fixture);
    expect([...bodies.stored.keys()].toSorted()).toEqual(referred);
    expect(
      rows
        .rowsOf('claim')
        .map(({ row }) => row.stored.objectId)
        .toSorted(),
    ).toEqual(referred);
    const partBodies = [...rows.rowsOf('current'), ...rows.rowsOf('version')].flatMap(({ row }) =>
      row.body.type === 'parts' ? [row.body.uploadId] : [],
    );
    const open = this.#model.openUploads().map((upload) => upload.uploadId);
    const used = new Set([...partBodies, ...open]);
    expect(rows.rowsOf('part').filter(({ key }) => !used.has(key.uploadId))).toEqual([]);
    expect(
      rows
        .rowsOf('upload')
        .map(({ key }) => key.uploadId)
        .toSorted(),
    ).toEqual(open.toSorted());
    expect(rows.rowsOf('container').map(({ key }) => key.containerId)).toEqual([this.#containerId]);
  }

  /** Each row's links say where its neighbours are, and the head where the null version is. */
  #checkLinks(): void {
    const { rows } = this.#fixture;
    const all = [...rows.rowsOf('current'), ...rows.rowsOf('version')];
    const links = all.map(({ key, row }): Links => {
      const { version, older, newer, nullVersion, place } = row;
      return { key: key.key, version, older, newer, nullVersion, place };
    });
    const gaps = new Map(
      all.filter(({ row }) => row.isGap === true).map(({ key, row }) => [key.key, row.version]),
    );
    const expected = this.#model.keys().flatMap((key) => this.#linksOf(key, gaps.get(key)));
    const byVersion = (a: Links, b: Links): number => a.version - b.version;
    expect(links.toSorted(byVersion)).toEqual(expected.toSorted(byVersion));
  }

  #linksOf(key: string, gap: number | undefined): readonly Links[] {
    const versions = this.#model.versionsOf(key);
    const current = this.#model.current(key);
    const others = versions.filter((version) => version !== current);
    const head = current?.stamp ?? gap ?? Number.NaN;
    const at = current === undefined ? -1 : versions.indexOf(current);
    const isPromoted = at > 0;
    const inTime = isPromoted || current === undefined ? others : versions;
    const rest = inTime
      .map(
        ({ stamp }, index): Links => ({
          key,
          version: stamp,
          older: inTime[index + 1]?.stamp,
          newer: inTime[index - 1]?.stamp ?? head,
          nullVersion: undefined,
          place: undefined,
        }),
      )
      .filter(({ version }) => version !== head);
    const place = { newer: versions[at - 1]?.stamp, older: versions[at + 1]?.stamp };
    const top: Links = {
      key,
      version: head,
      older: others[0]?.stamp,
      newer: undefined,
      nullVersion: others.find((version) => version.isNull)?.stamp,
      place: isPromoted ? place : undefined,
    };
    return [top, ...rest];
  }
}

interface Links {
  readonly key: string;
  readonly version: number;
  readonly older: number | undefined;
  readonly newer: number | undefined;
  readonly nullVersion: number | undefined;
  readonly place:
    | { readonly newer?: number | undefined; readonly older?: number | undefined }
    | undefined;
}

function describe(key: string, stamp: number, isLatest: boolean, isNull: boolean): string {
  return `${key} ${stamp}${isLatest ? ' latest' : ''}${isNull ? ' null' : ''}`;
}
