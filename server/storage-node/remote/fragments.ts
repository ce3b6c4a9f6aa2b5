/** The fragments of a device on another machine, for one run of the process there. */
import { StoreError } from '../../../base/errors.ts';
import type { DeviceId } from '../../../base/units.ts';
import type {
  FragmentHeader,
  FragmentId,
  FragmentRead,
  FragmentStore,
  FragmentWrite,
} from '../../../storage/fragment/fragment.ts';
import { decodeFragmentId, decodeFragmentHeader } from '../handlers/fragment-head.ts';
import type { Reply } from '../wire/asking.ts';
import { asHead, type Head, listIn, numberIn } from '../wire/head.ts';
import { type Method, methods } from '../wire/methods.ts';
import { type Asker, patience } from './ask.ts';

export class RemoteFragments implements FragmentStore {
  readonly #asker: Asker;
  readonly #device: DeviceId;

  constructor(asker: Asker, device: DeviceId) {
    this.#asker = asker;
    this.#device = device;
  }

  #ask(method: Method, head: Head, bytes?: readonly Uint8Array[]): Promise<Reply> {
    return this.#asker.ask({
      method,
      head: { device: this.#device, ...head },
      ...(bytes === undefined ? {} : { bytes }),
      timeoutMillis: patience.fragmentsMillis,
    });
  }

  async append(fragments: readonly FragmentWrite[]): Promise<void> {
    const headers = fragments.map(({ header }) => header);
    const units = fragments.map(({ unit }) => unit);
    await this.#ask(methods.fragmentAppend, { headers }, units);
  }

  async commit(): Promise<void> {
    await this.#ask(methods.fragmentCommit, {});
  }

  async read(
    id: FragmentId,
    range?: { offset: number; length: number },
  ): Promise<FragmentRead | undefined> {
    const { head, bytes } = await this.#ask(methods.fragmentRead, {
      id: plainId(id),
      ...(range === undefined ? {} : { range }),
    });
    if (head['header'] === undefined) return undefined;
    const header: FragmentHeader = decodeFragmentHeader(asHead(head['header']));
    if (bytes.length !== (range?.length ?? header.unitLength)) {
      throw new StoreError('unavailable', 'fragment.read', 'another node sent too few bytes');
    }
    return { header, bytes };
  }

  async has(ids: readonly FragmentId[]): Promise<readonly boolean[]> {
    const { head } = await this.#ask(methods.fragmentHas, { ids: ids.map(plainId) });
    const has = listIn(head, 'has');
    if (has.length !== ids.length) {
      throw new StoreError('unavailable', 'fragment.has', 'another node answered too little');
    }
    return has.map((one) => one === true);
  }

  async remove(objectId: string): Promise<number> {
    const { head } = await this.#ask(methods.fragmentRemove, { objectId });
    return numberIn(head, 'count');
  }

  async removeOne(id: FragmentId): Promise<void> {
    await this.#ask(methods.fragmentRemoveOne, { id: plainId(id) });
  }

  async scan(after: FragmentId | undefined, limit: number): Promise<readonly FragmentId[]> {
    const from = after === undefined ? {} : { after: plainId(after) };
    const { head } = await this.#ask(methods.fragmentScan, { ...from, limit });
    return listIn(head, 'ids').map((id) => decodeFragmentId(asHead(id)));
  }
}

function plainId({ objectId, stripe, index }: FragmentId): Head {
  return { objectId, stripe, index };
}
