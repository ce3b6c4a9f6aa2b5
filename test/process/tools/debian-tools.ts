/**
 * Tools that their makers publish on no registry of Node or Python: they must be on the PATH, and
 * `.ci/run` puts them there (system-tools.ts). Run without one, its checks fail: a client that was not
 * tried is not known to work.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export type DebianTool = 'rclone' | 'restic' | 's3cmd' | 's3fs' | 'fusermount';

interface Failure {
  readonly code?: string | number;
  readonly stdout?: string;
  readonly stderr?: string;
}

/**
 * Runs one with nothing of the environment but the PATH: these tools obey AWS_* and proxy
 * variables. Rejects with all that it printed.
 */
export async function runDebianTool(
  name: DebianTool,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', ...environment };
  const options = { env, maxBuffer: 16 * 1_048_576 };
  try {
    return (await promisify(execFile)(name, [...args], options)).stdout;
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as Failure;
    if (code === 'ENOENT') {
      throw new Error(`${name} is not on this machine: .ci/run installs it`, { cause: error });
    }
    throw new Error(`${name} ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`, {
      cause: error,
    });
  }
}
