/** Where notifications may go, as this door sees it: names of the server's settings. */
export interface NotificationTargets {
  has(name: string): boolean;
  /** Resolves when the target has taken it; StoreError when it does not within a few seconds. */
  send(name: string, message: Uint8Array): Promise<void>;
}
