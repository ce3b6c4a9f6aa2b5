/** The code of an earlier release, laid beside this one with its own packages. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** Stands for the last release until there is a tag: a commit that an upgrade must be possible from. */
const untagged = '98321d321a92f7111dec3b2a58d48cfaccb0929b';

function git(...words: readonly string[]): string {
  return execFileSync('git', words, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
}

function commitOf(name: string): string | undefined {
  try {
    return git('rev-parse', '--verify', '--quiet', `${name}^{commit}`);
  } catch {
    return undefined;
  }
}

interface Found {
  readonly name: string;
  readonly commit: string;
}

/** The newest tag v* before the code that stands here; else the commit that stands for it. Undefined where the clone has neither. */
function lastRelease(): Found | undefined {
  const given = process.env['UPGRADE_FROM'];
  if (given !== undefined) {
    const commit = commitOf(given);
    if (commit === undefined) throw new Error(`UPGRADE_FROM=${given} is no commit of this clone`);
    return { name: given, commit };
  }
  let tag: string | undefined;
  try {
    tag = git('describe', '--tags', '--abbrev=0', '--match', 'v[0-9]*', 'HEAD');
  } catch {
    // There is none.
  }
  const commit = commitOf(tag ?? untagged);
  if (commit === undefined) return undefined;
  return { name: tag ?? `commit ${commit.slice(0, 12)} (there is no tag v* yet)`, commit };
}

export interface Release {
  readonly name: string;
  /** Where its sources lie. */
  readonly folder: string;
}

/**
 * The last release, installed; kept for the next run. Without a git history it is the code that stands here: then a
 * test still shows that a cluster goes on while its nodes are started anew, and says so by the name.
 */
export function installLastRelease(): Release {
  const found = lastRelease();
  if (found === undefined)
    return { name: 'this very code, for want of an older one', folder: root };
  const { name, commit } = found;
  // Not below node_modules: Node runs no TypeScript there.
  const folder = join(tmpdir(), `torc-release-${commit.slice(0, 12)}`);
  if (existsSync(folder)) return { name, folder };
  const making = `${folder}.tmp`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  const archive = execFileSync('git', ['archive', commit], {
    cwd: root,
    maxBuffer: 256 * 1024 ** 2,
  });
  execFileSync('tar', ['-x', '-C', making], { input: archive });
  const lock = (at: string): string => readFileSync(join(at, 'package-lock.json'), 'utf8');
  if (lock(making) === lock(root)) {
    symlinkSync(join(root, 'node_modules'), join(making, 'node_modules'));
  } else {
    execFileSync(process.execPath, ['bin/ensure-installed.mjs'], { cwd: making, stdio: 'inherit' });
  }
  renameSync(making, folder);
  return { name, folder };
}
