import type { EmbeddedFolder } from './folder.ts';

/** The working directory of the process that opens this path. Linux enters it by its inode: no folder above it is searched. */
const workingDirectory = '/proc/self/cwd';
/** PostgreSQL truncates paths at 1,024 bytes (MAXPGPATH); what it appends to its data directory stays below 100. */
const longestPathBytes = 900;
/** A setting that PostgreSQL stores but does not use: it puts the data directory's real path on the server's command line. */
const marker = 'tasker.data_directory';

/** How a PostgreSQL program is started on a data directory: in this working directory, under this name for it. */
export interface DataDirectory {
  cwd: string;
  path: string;
  passwordFile: string;
  /** Server arguments by which `isPostmasterOf` recognises the server of this directory. */
  marks: string[];
}

/**
 * Root runs the server as another user, who may not be allowed through every folder above the data (/root is closed in most
 * containers). The server is therefore started inside its data directory, before the user changes, and its data directory is
 * /proc/self/cwd. This also avoids paths that are too long for it.
 */
export function dataDirectory(folder: EmbeddedFolder, directory: string): DataDirectory {
  const indirect =
    process.platform === 'linux' && (folder.osUser !== undefined || Buffer.byteLength(directory) > longestPathBytes);
  if (!indirect) return { cwd: folder.root, path: directory, passwordFile: folder.passwordFile, marks: [] };
  return {
    cwd: directory,
    path: workingDirectory,
    // The kernel resolves the two dots from the directory itself.
    passwordFile: `${workingDirectory}/../password`,
    marks: ['-c', `${marker}=${folder.cluster}`],
  };
}

/** Whether the arguments of a running server name this data directory. */
export function namesDataDirectory(commandLine: readonly string[], directory: string): boolean {
  return commandLine.some(
    (part) => part === directory || part === `${marker}=${directory}` || part.includes(`-D ${directory} `),
  );
}
