import { pino } from 'pino';

export type LogFields = Readonly<Record<string, unknown>>;

/** Logs are events: a machine-readable `event` beside one sentence for people. Never a secret. */
export interface Logger {
  debug(fields: LogFields & { event: string }, sentence: string): void;
  info(fields: LogFields & { event: string }, sentence: string): void;
  warn(fields: LogFields & { event: string }, sentence: string): void;
  error(fields: LogFields & { event: string }, sentence: string): void;
}

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** JSON lines on standard error (standard output is for what the user asked for). */
export function createLogger(level: LogLevel): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2));
}

const ignore = (): void => undefined;
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
