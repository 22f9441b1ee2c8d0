import { userInfo } from 'node:os';

/** The user of the operating system who runs a command, for the audit. In a container there may be none with a name. */
export function osUser(): string {
  try {
    return userInfo().username;
  } catch {
    return typeof process.getuid === 'function' ? `uid ${process.getuid()}` : 'cli';
  }
}
