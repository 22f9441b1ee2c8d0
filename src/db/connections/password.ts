import pg from 'pg';
import type { PasswordSource } from './password-source.ts';

/** Reads the password from a file, without its last line break, as a mounted Secret or `echo` writes it. */
export function passwordFromFile(file: string): PasswordSource {
  return async () => {
    let text: string;
    try {
      // Loaded here: it takes three milliseconds of a start, and most passwords are in a URL.
      const { readFile } = await import('node:fs/promises');
      text = await readFile(file, 'utf8');
    } catch (error) {
      throw new Error(`no connection without a password: ${(error as Error).message}`, { cause: error });
    }
    const password = text.replace(/\r?\n$/, '');
    if (password === '') throw new Error(`no connection without a password: the file ${JSON.stringify(file)} is empty`);
    return password;
  };
}

/** The password of a process's configuration; undefined if it is in the URL. */
export function passwordOf(config: { databasePasswordFile?: string | undefined }): PasswordSource | undefined {
  return config.databasePasswordFile === undefined ? undefined : passwordFromFile(config.databasePasswordFile);
}

/**
 * The class of a pool's connections. pg accepts a function as password, but the password of a connection string replaces it, even
 * if the string has none.
 */
export function clientClass(password: PasswordSource | undefined): typeof pg.Client {
  if (password === undefined) return pg.Client;
  return class extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config);
      // Not enumerable, as pg has it: it appears in no dump of a client.
      Object.defineProperty(this, 'password', { value: password, writable: true, configurable: true });
    }
  };
}
