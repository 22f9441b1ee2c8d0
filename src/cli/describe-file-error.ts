/** What to do about an error of the file system, by its code. */
const CODES: Readonly<Record<string, string>> = {
  EACCES: 'this user may not do that there',
  EPERM: 'this user may not do that there',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on that file system',
  EDQUOT: 'the quota of this user is used up',
  ENOTDIR: 'a part of the path is a file and no folder',
};

/** One line for a folder or file that cannot be made, read or written; undefined for any other error. */
export function describeFileError(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  const why = CODES[code ?? ''];
  return why === undefined || path === undefined || syscall === 'connect'
    ? undefined
    : `${path}: ${why} (${syscall ?? ''}: ${code ?? ''})`;
}
