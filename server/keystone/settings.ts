/** What Torc is told of a Keystone. */

/** Rights in the accounts of one prefix: `AUTH_` and the project's id. */
export interface AccountKind {
  readonly prefix: string;
  /** Roles that own the account; lower case, as all roles here. */
  readonly operatorRoles: readonly string[];
  /** Not empty: owning also takes one of these in the service token. */
  readonly serviceRoles: readonly string[];
  readonly readerRoles: readonly string[];
}

export interface KeystoneSettings {
  /** Without `/v3`. */
  readonly url: string;
  /** Who we are there: a user that may validate tokens, and read the credentials of others for S3. */
  readonly user: {
    readonly name: string;
    readonly password: string;
    readonly domainId: string;
    readonly projectName: string;
    readonly projectDomainId: string;
  };
  readonly accounts: readonly AccountKind[];
  readonly resellerRole: string;
  readonly systemReaderRoles: readonly string[];
  /** Names in ACLs mean users and projects of this domain; other domains are named by ids. */
  readonly defaultDomainId: string;
  readonly namesInAcls: boolean;
  /** How long a token or key is believed without asking again; never past its end. */
  readonly cacheMillis: number;
  readonly timeoutMillis: number;
}

/** Tokens, and keys, that are remembered: some 2 KiB each. */
export const cacheEntries = 20_000;

/** What is not valid is remembered for a shorter time: a token may be on its way to this Keystone. */
export const refusalMillis = 10_000;

/** A token with a catalogue of a large cloud is some 100 KiB. */
export const answerBytes: number = 1024 * 1024;

/** Longest token that is sent on: Fernet tokens have some 250 characters. */
export const tokenLength = 8192;
