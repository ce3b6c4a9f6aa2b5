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
export type TargetSettings = WebhookSettings;

export interface WebhookSettings {
  readonly type: 'webhook';
  readonly name: string;
  readonly url: string;
  /** Sent as the Authorization header, as it is. */
  readonly authorization?: string | undefined;
  readonly timeoutMillis: number;
}
