/** A place outside that takes messages. */
export interface MessageTarget {
  readonly name: string;
  /**
   * Resolves when the target has the message for good. StoreError `invalid-argument`: it will never
   * take this one; `unavailable` or `timeout`: not now. Bounded in time by the target's own setting.
   */
  send(message: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** As the configuration file has them. */
export type TargetSettings = WebhookSettings | RedisSettings | NatsSettings;

export interface WebhookSettings {
  readonly type: 'webhook';
  readonly name: string;
  readonly url: string;
  /** Sent as the Authorization header, as it is. */
  readonly authorization?: string | undefined;
  readonly timeoutMillis: number;
}

export interface RedisSettings {
  readonly type: 'redis';
  readonly name: string;
  /** redis:// or rediss://, with user and password if they are needed. */
  readonly url: string;
  readonly key: string;
  readonly as: 'list' | 'stream';
  readonly timeoutMillis: number;
}

export interface NatsSettings {
  readonly type: 'nats';
  readonly name: string;
  readonly servers: readonly string[];
  readonly subject: string;
  /** Each message is acknowledged by the stream that keeps the subject. */
  readonly jetStream: boolean;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /** PEM of the authority that vouches for the servers; they are spoken to over TLS then. */
  readonly ca?: string | undefined;
  readonly timeoutMillis: number;
}
