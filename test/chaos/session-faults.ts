import { setTimeout as sleep } from 'node:timers/promises';
import { ask, DATABASE, END_SESSIONS, FLEET_PASSWORD, FLEET_ROLE, holdSteps, insist } from './admin.ts';
import type { Span } from './ready-spans.ts';
import type { ChaosServer } from './server.ts';

/** Below what the steps are locked for, and above what a statement takes. */
const STATEMENT_TIMEOUT_MS = 700;
const LOCKED_MS = 1500;
/** Between two locks something has to be under way that the next one can meet. */
const UNLOCKED_MS = 700;
const END_TLS_SESSIONS = `SELECT pg_terminate_backend(pid)
  FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
  WHERE ssl AND backend_type = 'client backend'`;
const RELOAD = 'SELECT pg_reload_conf()';

/**
 * A time limit for every statement of the fleet's role, which its sessions override, and locks under which those that wait are
 * cancelled: they end with 57014 all the same. Never beside a standby that every commit waits for: there a cancelled wait
 * acknowledges what the standby does not have. Answers how often the steps were locked.
 */
export function limitStatements(server: ChaosServer, ms: number): Promise<number> {
  return server.alone(async () => {
    const urlOf = (): string => server.adminUrl;
    await insist(urlOf, [`ALTER ROLE ${FLEET_ROLE} SET statement_timeout = ${STATEMENT_TIMEOUT_MS}`, END_SESSIONS]);
    const until = Date.now() + ms;
    let locks = 0;
    try {
      while (Date.now() < until) {
        await sleep(UNLOCKED_MS);
        if (await holdSteps(server.adminUrl, LOCKED_MS, STATEMENT_TIMEOUT_MS)) locks += 1;
      }
    } finally {
      await insist(urlOf, [`ALTER ROLE ${FLEET_ROLE} RESET statement_timeout`, END_SESSIONS]);
    }
    return locks;
  });
}

/** Alone: while a server is away nobody can put the old password back, and what is refused for longer than a lease may end. */
export function rotatePassword(server: ChaosServer, ms: number, refused: Span[]): Promise<number> {
  return server.alone(() =>
    refusing(refused, async () => {
      const urlOf = (): string => server.adminUrl;
      await insist(urlOf, [`ALTER ROLE ${FLEET_ROLE} PASSWORD 'another'`, END_SESSIONS]);
      await sleep(ms).finally(() => insist(urlOf, [`ALTER ROLE ${FLEET_ROLE} PASSWORD '${FLEET_PASSWORD}'`]));
      return 1;
    }),
  );
}

/** Keeps when the database refused whoever came. */
async function refusing<T>(refused: Span[], work: () => Promise<T>): Promise<T> {
  const fromMs = Date.now();
  return work().finally(() => refused.push({ fromMs, toMs: Date.now() }));
}

/**
 * `newOnesToo`: false leaves what a failover behind one name leaves, sessions on a server that may no longer be written to while
 * each new one is well. The settings of the file are not those of a standby: alone.
 */
export function makeReadOnly(server: ChaosServer, ms: number, newOnesToo: boolean): Promise<number> {
  return server.alone(async () => {
    const urlOf = (): string => server.adminUrl;
    await insist(urlOf, [
      ...(newOnesToo ? [] : [`ALTER DATABASE ${DATABASE} SET default_transaction_read_only = off`]),
      'ALTER SYSTEM SET default_transaction_read_only = on',
      RELOAD,
    ]);
    await sleep(ms).finally(() =>
      insist(urlOf, [
        'ALTER SYSTEM RESET default_transaction_read_only',
        RELOAD,
        `ALTER DATABASE ${DATABASE} RESET default_transaction_read_only`,
      ]),
    );
    return 1;
  });
}

/** Answers how many sessions were put out to meet the expired certificate. */
export function expireCertificate(server: ChaosServer, ms: number, refused: Span[]): Promise<number> {
  const { certificates } = server;
  if (certificates === undefined) {
    throw new Error('openssl is not installed (scripts/install-debian.sh openssl)');
  }
  const urlOf = (): string => server.adminUrl;
  return refusing(refused, async () => {
    await certificates.issue('expired');
    try {
      await insist(urlOf, [RELOAD]);
      // The postmaster reads the file a moment later.
      await sleep(200);
      const ended = await ask(server.adminUrl, END_TLS_SESSIONS).catch(() => []);
      await sleep(ms);
      return ended.length;
    } finally {
      await certificates.issue('valid');
      await insist(urlOf, [RELOAD]);
    }
  });
}
