import { setTimeout as sleep } from 'node:timers/promises';
import {
  DATABASE,
  END_SESSIONS,
  FLEET_PASSWORD,
  FLEET_ROLE,
  lockSteps,
  queryOnce,
  runUntilSuccessful,
} from './admin.ts';
import type { Span } from './ready-spans.ts';
import type { ChaosServer } from './server.ts';

/** Shorter than the locks on the steps, and longer than a statement takes. */
const STATEMENT_TIMEOUT_MS = 700;
const LOCKED_MS = 1500;
/** Between two locks statements must start that the next lock can hit. */
const UNLOCKED_MS = 700;
const END_TLS_SESSIONS = `SELECT pg_terminate_backend(pid)
  FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
  WHERE ssl AND backend_type = 'client backend'`;
const RELOAD = 'SELECT pg_reload_conf()';

/**
 * Sets a time limit for every statement of the fleet's role, which its sessions override, and takes locks under which waiting
 * statements are cancelled: these end with 57014 all the same. Never at the same time as a standby for which every commit waits: a
 * cancelled wait would acknowledge what the standby does not have. Returns how often the steps were locked.
 */
export function limitStatements(server: ChaosServer, ms: number): Promise<number> {
  return server.alone(async () => {
    const urlOf = (): string => server.adminUrl;
    await runUntilSuccessful(urlOf, [
      `ALTER ROLE ${FLEET_ROLE} SET statement_timeout = ${STATEMENT_TIMEOUT_MS}`,
      END_SESSIONS,
    ]);
    const until = Date.now() + ms;
    let locks = 0;
    try {
      while (Date.now() < until) {
        await sleep(UNLOCKED_MS);
        if (await lockSteps(server.adminUrl, LOCKED_MS, STATEMENT_TIMEOUT_MS)) locks += 1;
      }
    } finally {
      await runUntilSuccessful(urlOf, [`ALTER ROLE ${FLEET_ROLE} RESET statement_timeout`, END_SESSIONS]);
    }
    return locks;
  });
}

/** Runs alone: while the server is away the old password cannot be restored, and a process that is refused for longer than a lease may end. */
export function rotatePassword(server: ChaosServer, ms: number, refused: Span[]): Promise<number> {
  return server.alone(() =>
    refusing(refused, async () => {
      const urlOf = (): string => server.adminUrl;
      await runUntilSuccessful(urlOf, [`ALTER ROLE ${FLEET_ROLE} PASSWORD 'another'`, END_SESSIONS]);
      await sleep(ms).finally(() =>
        runUntilSuccessful(urlOf, [`ALTER ROLE ${FLEET_ROLE} PASSWORD '${FLEET_PASSWORD}'`]),
      );
      return 1;
    }),
  );
}

/** Records the time during which the database refused every login. */
async function refusing<T>(refused: Span[], work: () => Promise<T>): Promise<T> {
  const fromMs = Date.now();
  return work().finally(() => refused.push({ fromMs, toMs: Date.now() }));
}

/**
 * `newOnesToo` false is the state after a failover behind one name: existing sessions are on a server that is now read-only, new ones
 * are not. Runs alone, because a standby does not take over these settings.
 */
export function makeReadOnly(server: ChaosServer, ms: number, newOnesToo: boolean): Promise<number> {
  return server.alone(async () => {
    const urlOf = (): string => server.adminUrl;
    await runUntilSuccessful(urlOf, [
      ...(newOnesToo ? [] : [`ALTER DATABASE ${DATABASE} SET default_transaction_read_only = off`]),
      'ALTER SYSTEM SET default_transaction_read_only = on',
      RELOAD,
    ]);
    await sleep(ms).finally(() =>
      runUntilSuccessful(urlOf, [
        'ALTER SYSTEM RESET default_transaction_read_only',
        RELOAD,
        `ALTER DATABASE ${DATABASE} RESET default_transaction_read_only`,
      ]),
    );
    return 1;
  });
}

/** Returns how many sessions were ended, so that they meet the expired certificate when they connect again. */
export function expireCertificate(server: ChaosServer, ms: number, refused: Span[]): Promise<number> {
  const { certificates } = server;
  if (certificates === undefined) {
    throw new Error('openssl is not installed (scripts/install-debian.sh openssl)');
  }
  const urlOf = (): string => server.adminUrl;
  return refusing(refused, async () => {
    await certificates.issue('expired');
    try {
      await runUntilSuccessful(urlOf, [RELOAD]);
      // The postmaster reads the file a moment later.
      await sleep(200);
      const ended = await queryOnce(server.adminUrl, END_TLS_SESSIONS).catch(() => []);
      await sleep(ms);
      return ended.length;
    } finally {
      await certificates.issue('valid');
      await runUntilSuccessful(urlOf, [RELOAD]);
    }
  });
}
