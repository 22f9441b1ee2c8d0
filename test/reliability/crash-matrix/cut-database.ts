import { afterAll, afterEach, beforeAll } from 'vitest';
import { type Database, openDatabase } from '../../../src/db/connections/database.ts';
import { type Call, startProxy, type TcpProxy } from '../../support/tcp-proxy.ts';

export interface CutDatabase {
  readonly proxy: TcpProxy;
  /** Opens the database through the proxy, for one test. `options`: those of the connection URL. */
  open(options?: string): Database;
}

/**
 * How long the server leaves a transaction open whose process has vanished, with its locks: shorter than in production, since cells
 * wait for it.
 */
const IDLE_IN_TRANSACTION = ["session_timeout = '10s'", "session_timeout = ' 2s'"] as const;

/** A database whose connections a test can cut at a chosen moment of a statement. */
export function useCutDatabase(target: string): CutDatabase {
  let proxy: TcpProxy;
  let opened: Database | undefined;

  beforeAll(async () => {
    proxy = await startProxy({ target, replaces: IDLE_IN_TRANSACTION });
  });
  afterEach(async () => {
    // Half-open connections would wait for ever to be closed.
    proxy.cutAll();
    await opened?.close();
    opened = undefined;
  });
  afterAll(() => proxy.close());

  return {
    get proxy() {
      return proxy;
    },
    open(options) {
      const url = new URL(proxy.url(target));
      if (options !== undefined) url.searchParams.set('options', options);
      opened = openDatabase({
        url: url.href,
        poolSize: 6,
        applicationName: 'tasker cut',
        queryTimeoutMs: 400,
        connectTimeoutMs: 1000,
        onPoolError: () => undefined,
      });
      return opened;
    },
  };
}

/** Matches a statement by the beginning of its name; COMMIT by its text. */
export const matches =
  (statement: string) =>
  ({ name, text }: Call): boolean =>
    statement === 'COMMIT' ? text === 'COMMIT' : name.startsWith(statement);
