/**
 * etcd behind the engine's port. One client an endpoint: the one that answered last is asked first, so that
 * a member that hangs costs one deadline and not a third of all calls.
 */
import { noop } from 'cockatiel';
import { Etcd3, EtcdLeaseInvalidError, type IOptions, type IWatchResponse } from 'etcd3';
import { StoreError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';
import type {
  EngineAlive,
  EngineChange,
  EngineGuard,
  EngineListener,
  EngineSnapshot,
  EngineWrite,
  MapEngine,
} from './map-engine.ts';
import { sessionKey } from './map-keys.ts';

export interface EtcdOptions {
  /** `http://HOST:PORT` or `https://HOST:PORT`. */
  readonly endpoints: readonly string[];
  /** Ends with `/`. */
  readonly prefix: string;
  /** PEM texts; for https. */
  readonly tls?: {
    readonly authority: string;
    readonly certificate: string;
    readonly key: string;
  };
  /** Milliseconds since 1970: gRPC wants deadlines as times. */
  readonly now: () => number;
}

const callMillis = 1500;
/** A lease of 5 s must survive members that hang, and those that wait for a new leader. */
const keepAliveMillis = 700;
/** A map of 10,000 shards has some 3 MiB. */
const answerBytesMax: number = 256 * MiB;

type RangeReply = Awaited<ReturnType<Etcd3['kv']['range']>>;
type WatchStream = Awaited<ReturnType<Etcd3['watchClient']['watch']>>;

function unavailable(cause: unknown): StoreError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new StoreError('unavailable', 'etcd', `etcd does not answer: ${text}`, { cause });
}

/** The end of the range of all keys that start with `prefix`, which ends with an ASCII character. */
function rangeEnd(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return end;
}

function makeClient(endpoint: string, { tls, now }: EtcdOptions): Etcd3 {
  const options: IOptions = {
    hosts: endpoint,
    dialTimeout: callMillis,
    defaultCallOptions: ({ isStream }) => (isStream ? {} : { deadline: now() + callMillis }),
    // Who is asked next is decided here.
    faultHandling: { host: () => noop, global: noop },
    grpcOptions: { 'grpc.max_receive_message_length': answerBytesMax },
  };
  if (tls === undefined || endpoint.startsWith('http:')) return new Etcd3(options);
  return new Etcd3({
    ...options,
    credentials: {
      rootCertificate: Buffer.from(tls.authority),
      certChain: Buffer.from(tls.certificate),
      privateKey: Buffer.from(tls.key),
    },
  });
}

export class EtcdEngine implements MapEngine {
  readonly #clients: readonly Etcd3[];
  readonly #now: () => number;
  readonly #prefix: Buffer;
  readonly #prefixEnd: Buffer;
  #preferred = 0;
  #closed = false;

  constructor(options: EtcdOptions) {
    this.#clients = options.endpoints.map((endpoint) => makeClient(endpoint, options));
    this.#now = options.now;
    this.#prefix = Buffer.from(options.prefix);
    this.#prefixEnd = rangeEnd(this.#prefix);
  }

  #key(key: string): Buffer {
    return Buffer.concat([this.#prefix, Buffer.from(key)]);
  }

  #name(key: Buffer): string {
    return key.toString('utf8', this.#prefix.length);
  }

  /** Asks one member after the other until one answers; a refusal is an answer. */
  async #ask<Result>(
    call: (client: Etcd3) => Promise<Result>,
    members: number = this.#clients.length,
  ): Promise<Result> {
    let failure: unknown;
    for (let attempt = 0; attempt < members; attempt++) {
      if (this.#closed) break;
      const client = this.#clients[this.#preferred % this.#clients.length];
      if (client === undefined) break;
      const asked = this.#preferred;
      try {
        return await call(client);
      } catch (error) {
        if (error instanceof EtcdLeaseInvalidError) throw error;
        failure = error;
        // Another call may have moved on already.
        if (this.#preferred === asked) this.#preferred++;
      }
    }
    throw unavailable(failure ?? new Error('it is closed'));
  }

  async read(): Promise<EngineSnapshot> {
    const range = { key: this.#prefix, range_end: this.#prefixEnd };
    const reply: RangeReply = await this.#ask((client) => client.kv.range(range));
    return {
      revision: Number(reply.header.revision),
      entries: reply.kvs.map(({ key, value, mod_revision }) => ({
        key: this.#name(key),
        value: value.toString('utf8'),
        revision: Number(mod_revision),
      })),
    };
  }

  async commit(
    guards: readonly EngineGuard[],
    writes: readonly EngineWrite[],
  ): Promise<{ readonly taken: boolean; readonly revision: number }> {
    const compare = guards.map(({ key, revision }) => ({
      key: this.#key(key),
      target: 'Mod' as const,
      result: 'Equal' as const,
      mod_revision: revision,
    }));
    const success = writes.map(({ key, value, lease }) =>
      value === undefined
        ? { request_delete_range: { key: this.#key(key) } }
        : {
            request_put: {
              key: this.#key(key),
              value: Buffer.from(value),
              ...(lease === undefined ? {} : { lease }),
            },
          },
    );
    try {
      // Only one member: after a failure nobody knows whether the writes have happened.
      const reply = await this.#ask((client) => client.kv.txn({ compare, success }), 1);
      return { taken: reply.succeeded, revision: Number(reply.header.revision) };
    } catch (error) {
      // A write under a lease that has ended.
      if (error instanceof EtcdLeaseInvalidError) throw unavailable(error);
      throw error;
    }
  }

  watch(from: number, listener: EngineListener): () => void {
    const client = this.#clients[this.#preferred % this.#clients.length];
    let stream: WatchStream | undefined;
    let ended = false;
    const end = (reason: unknown): void => {
      if (ended) return;
      ended = true;
      this.#preferred++;
      stream?.cancel();
      listener.broken(reason);
    };
    const take = (reply: IWatchResponse): void => {
      if (ended) return;
      if (reply.canceled) end(new Error(reply.cancel_reason));
      else this.#tell(reply, listener);
    };
    client?.watchClient.watch().then((opened) => {
      stream = opened;
      if (ended) {
        opened.cancel();
        return;
      }
      opened.on('data', take);
      opened.on('error', end);
      opened.on('end', () => end(new Error('the watch has ended')));
      const range = { key: this.#prefix, range_end: this.#prefixEnd };
      opened.write({ create_request: { ...range, start_revision: from } });
    }, end);
    return () => {
      ended = true;
      stream?.cancel();
    };
  }

  /** A reply may hold changes of several revisions. */
  #tell(reply: IWatchResponse, listener: EngineListener): void {
    let revision = 0;
    let changes: EngineChange[] = [];
    const flush = (): void => {
      if (changes.length > 0) listener.changed(revision, changes);
      changes = [];
    };
    for (const { type, kv } of reply.events) {
      const of = Number(kv.mod_revision);
      if (of !== revision) flush();
      revision = of;
      const value = type === 'Delete' ? undefined : kv.value.toString('utf8');
      changes.push({ key: this.#name(kv.key), value });
    }
    flush();
  }

  async grant(ttlSeconds: number): Promise<string> {
    const reply = await this.#ask((client) => client.leaseClient.leaseGrant({ TTL: ttlSeconds }));
    return reply.ID;
  }

  /**
   * A leader that was deposed without knowing it renews leases that its successor ends. So the renewal counts
   * only when the same member then takes part in a read that a quorum confirms, still in the same term: the
   * renewal was the work of that term's one leader, and any later one gives all leases their full time.
   */
  async keepAlive(lease: string): Promise<EngineAlive> {
    return this.#ask(async (client) => {
      const renewal = await this.#keepAliveOnce(client, lease);
      const key = this.#key(sessionKey(lease));
      const read = await client.kv.range({ key, keys_only: true });
      const { raft_term: term, revision } = read.header;
      if (term !== renewal.header.raft_term) throw new Error('the leader has changed');
      return { alive: Number(renewal.TTL) > 0, revision: Number(revision) };
    });
  }

  async #keepAliveOnce(
    client: Etcd3,
    lease: string,
  ): Promise<{ readonly TTL: string; readonly header: { readonly raft_term: string } }> {
    const deadline = this.#now() + keepAliveMillis;
    const stream = await client.leaseClient.leaseKeepAlive({ deadline });
    return new Promise((resolve, reject) => {
      stream.on('data', (reply) => {
        resolve(reply);
        stream.end();
      });
      stream.on('error', reject);
      stream.on('end', () => reject(new Error('the stream has ended')));
      stream.write({ ID: lease });
    });
  }

  async revoke(lease: string): Promise<void> {
    try {
      await this.#ask((client) => client.leaseClient.leaseRevoke({ ID: lease }));
    } catch (error) {
      if (!(error instanceof EtcdLeaseInvalidError)) throw error;
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const client of this.#clients) client.close();
    return Promise.resolve();
  }
}
