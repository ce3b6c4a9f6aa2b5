/** Keystone's v3 API as core's port for identities: tokens validated and remembered, keys of EC2 learned. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import { StoreError, toStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Principal } from '../core/access/principal.ts';
import type { IdentityService, KeyProof, RemoteKey } from '../core/identity.ts';
import { ExpiringMap } from './expiring-map.ts';
import { createAsk } from './http.ts';
import { type Identity, principalOf, readIdentity } from './identity.ts';
import { ServiceSession } from './service-session.ts';
import { cacheEntries, type KeystoneSettings, refusalMillis, tokenLength } from './settings.ts';

const credentialSchema = z.object({ credential: z.object({ secret: z.string().min(1) }) });

class Keystone implements IdentityService {
  readonly challenge: string;
  readonly #settings: KeystoneSettings;
  readonly #clock: Clock;
  readonly #log: Logger;
  #isAway = false;
  readonly #session: ServiceSession;
  /** By the hash of the token: what is stolen from memory opens nothing. */
  readonly #tokens: ExpiringMap<Identity | 'invalid'>;
  readonly #asking = new Map<string, Promise<Identity | undefined>>();
  readonly #keys: ExpiringMap<RemoteKey>;

  constructor(settings: KeystoneSettings, clock: Clock, log: Logger) {
    this.challenge = `Keystone uri="${settings.url}"`;
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    const ask = createAsk(settings.url, settings.timeoutMillis, clock);
    this.#session = new ServiceSession(ask, settings, clock);
    this.#tokens = new ExpiringMap(clock, cacheEntries);
    this.#keys = new ExpiringMap(clock, cacheEntries);
  }

  async principalOf(
    token: string,
    serviceToken: string | undefined,
  ): Promise<Principal | undefined> {
    const [user, service] = await Promise.all([
      this.#identityOf(token),
      serviceToken === undefined ? undefined : this.#identityOf(serviceToken),
    ]);
    if (user === undefined) return undefined;
    // A service token that is not valid makes the whole request nobody's.
    if (serviceToken !== undefined && service === undefined) return undefined;
    return principalOf(user, service?.roles ?? [], this.#settings);
  }

  async #identityOf(token: string): Promise<Identity | undefined> {
    if (!/^[\x21-\x7e]+$/.test(token) || token.length > tokenLength) return undefined;
    const hash = createHash('sha256').update(token).digest('base64');
    const known = this.#tokens.get(hash);
    if (known !== undefined) return known === 'invalid' ? undefined : known;
    const pending = this.#asking.get(hash);
    if (pending !== undefined) return pending;
    const asking = this.#watched(() => this.#validate(token, hash)).finally(() =>
      this.#asking.delete(hash),
    );
    this.#asking.set(hash, asking);
    return asking;
  }

  async #validate(token: string, hash: string): Promise<Identity | undefined> {
    const answer = await this.#session.ask({
      method: 'GET',
      path: '/v3/auth/tokens?nocatalog',
      headers: { 'X-Subject-Token': token },
    });
    const now = this.#clock.now();
    if (answer.status === 404 || answer.status === 400) {
      this.#tokens.set(hash, 'invalid', now + refusalMillis);
      return undefined;
    }
    const identity = readIdentity(answer.body);
    if (answer.status !== 200 || identity === undefined) throw misunderstood(answer.status);
    if (identity.expiresAt <= now) return undefined;
    this.#tokens.set(hash, identity, this.#believedUntil(identity));
    return identity;
  }

  #believedUntil(identity: Identity): number {
    return Math.min(this.#clock.now() + this.#settings.cacheMillis, identity.expiresAt);
  }

  keyOf(accessKeyId: string): RemoteKey | undefined {
    return this.#keys.get(accessKeyId);
  }

  /** That Keystone does not do what we need, and that it does again, is logged once: clients hear of it each time. */
  async #watched<T>(ask: () => Promise<T>): Promise<T> {
    const { url } = this.#settings;
    try {
      const answer = await ask();
      if (this.#isAway) this.#log.info({ event: 'keystone.back', url }, 'Keystone answers again.');
      this.#isAway = false;
      return answer;
    } catch (error) {
      const { message, detail } = toStoreError(error, 'keystone.ask');
      const fields = { event: 'keystone.away', url, reason: message, ...detail };
      if (!this.#isAway) this.#log.warn(fields, 'Keystone does not answer as we need it.');
      this.#isAway = true;
      throw error;
    }
  }

  learnKey(proof: KeyProof): Promise<boolean> {
    return this.#watched(() => this.#learn(proof));
  }

  async #learn(proof: KeyProof): Promise<boolean> {
    const { accessKeyId, stringToSign, signature } = proof;
    const credentials = {
      access: accessKeyId,
      token: paddedBase64Url(stringToSign),
      signature,
    };
    const json = { credentials };
    const answer = await this.#session.ask({ method: 'POST', path: '/v3/s3tokens', json }, true);
    if ([400, 401, 403, 404].includes(answer.status)) return false;
    const identity = readIdentity(answer.body);
    if (answer.status !== 200 || identity === undefined) throw misunderstood(answer.status);
    const secretAccessKey = await this.#secretOf(identity.user.id, accessKeyId);
    if (secretAccessKey === undefined || identity.project === undefined) return false;
    const principal = principalOf(identity, [], this.#settings);
    this.#keys.set(accessKeyId, { principal, secretAccessKey }, this.#believedUntil(identity));
    return true;
  }

  /** Chunks are signed one by one, so that the key itself is needed and not Keystone's word alone. */
  async #secretOf(userId: string, accessKeyId: string): Promise<string | undefined> {
    const [user, access] = [encodeURIComponent(userId), encodeURIComponent(accessKeyId)];
    const path = `/v3/users/${user}/credentials/OS-EC2/${access}`;
    const answer = await this.#session.ask({ method: 'GET', path });
    if (answer.status === 404) return undefined;
    const parsed = credentialSchema.safeParse(answer.body);
    if (answer.status !== 200 || !parsed.success) throw misunderstood(answer.status);
    return parsed.data.credential.secret;
  }
}

/** Keystone answers 500 where the padding is missing. */
function paddedBase64Url(text: string): string {
  return Buffer.from(text).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

function misunderstood(status: number): StoreError {
  const sentence = 'Keystone did not answer what was asked; may our user ask it?';
  return new StoreError('unavailable', 'keystone.ask', sentence, { detail: { status } });
}

export function createKeystone(
  settings: KeystoneSettings,
  clock: Clock,
  log: Logger,
): IdentityService {
  return new Keystone(settings, clock, log);
}
