import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import type { Answer, Ask, Question } from './http.ts';
import { readIdentity } from './identity.ts';
import type { KeystoneSettings } from './settings.ts';

/** A token is renewed this long before its end, so that it does not end on its way. */
const MARGIN_MILLIS = 60_000;

/** Our own user's token: asked for when it is needed, and anew when Keystone refuses it. */
export class ServiceSession {
  readonly #ask: Ask;
  readonly #user: KeystoneSettings['user'];
  readonly #clock: Clock;
  #token: { readonly text: string; readonly madeAt: number; readonly endsAt: number } | undefined;
  #signingIn: Promise<string> | undefined;

  constructor(ask: Ask, settings: KeystoneSettings, clock: Clock) {
    this.#ask = ask;
    this.#user = settings.user;
    this.#clock = clock;
  }

  /**
   * Asks as our user. 401 may mean our token, or what was asked about; in the second case
   * (`isRefusal`) a token that is young is not blamed, or every wrong signature would make us sign in.
   * Throws `unavailable`, also when Keystone does not let us in.
   */
  async ask(question: Question, isRefusal = false): Promise<Answer> {
    const first = await this.#askWith(await this.#tokenText(), question);
    if (first.status !== 401) return first;
    const age = this.#clock.now() - (this.#token?.madeAt ?? 0);
    if (isRefusal && age < MARGIN_MILLIS) return first;
    this.#token = undefined;
    return this.#askWith(await this.#tokenText(), question);
  }

  #askWith(token: string, question: Question): Promise<Answer> {
    return this.#ask({ ...question, headers: { ...question.headers, 'X-Auth-Token': token } });
  }

  async #tokenText(): Promise<string> {
    const known = this.#token;
    if (known !== undefined && known.endsAt > this.#clock.now()) return known.text;
    this.#signingIn ??= this.#signIn().finally(() => {
      this.#signingIn = undefined;
    });
    return this.#signingIn;
  }

  async #signIn(): Promise<string> {
    const { name, password, domainId, projectName, projectDomainId } = this.#user;
    const user = { name, password, domain: { id: domainId } };
    const project = { name: projectName, domain: { id: projectDomainId } };
    const answer = await this.#ask({
      method: 'POST',
      path: '/v3/auth/tokens?nocatalog',
      json: {
        auth: { identity: { methods: ['password'], password: { user } }, scope: { project } },
      },
    });
    const text = answer.headers.get('x-subject-token');
    const identity = readIdentity(answer.body);
    if (answer.status !== 201 || text === null || identity === undefined) {
      throw refused(answer.status);
    }
    const madeAt = this.#clock.now();
    this.#token = { text, madeAt, endsAt: identity.expiresAt - MARGIN_MILLIS };
    return text;
  }
}

function refused(status: number): StoreError {
  return new StoreError('unavailable', 'keystone.sign-in', 'Keystone does not let our user in', {
    detail: { status },
  });
}
