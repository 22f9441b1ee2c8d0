import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/db/connections/database.ts';
import { newSessionLock } from '../../src/db/connections/heartbeat-connection.ts';
import { Listener } from '../../src/db/connections/listener.ts';
import { Heartbeat } from '../../src/membership/heartbeat.ts';
import { HeartbeatHost } from '../../src/membership/heartbeat-host.ts';
import { Membership } from '../../src/membership/membership.ts';
import { ServiceServer } from '../../src/process/server.ts';
import { stopAll } from '../../src/process/service.ts';
import { ChoreLoop } from '../../src/scheduler/chore.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import { Cron } from '../../src/schedules/cron.ts';
import { threads } from '../membership/threads.ts';
import { noSchedulerEvents, schedulerSettings } from '../scheduler/scheduler-fixture.ts';
import { useWorkers } from '../worker/worker-fixture.ts';
import { type ContractSubject, serviceContract } from './service-contract.ts';

const fleet = await useWorkers();
const { test } = fleet;

let names = 0;
/** Each subject has a name of its own, so that what one leaves behind is not taken for the next one's. */
const newName = (): string => `contract ${(names += 1)}`;

/** Sessions of this application in the test's database. */
const sessions = async (applicationName: string): Promise<number> =>
  (
    await test.query('SELECT FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()', [
      applicationName,
    ])
  ).length;

/** Heartbeat threads of this process that live. */
const livingThreads = (): number => threads.filter(({ threadId }) => threadId !== -1).length;

const close: (() => Promise<void>)[] = [];
/** A pool that counts its statements. */
function countedDatabase(): { db: Database; statements: () => number } {
  let statements = 0;
  const db = openDatabase({
    url: test.url,
    poolSize: 3,
    prepared: test.directUrl !== undefined,
    onQuery: () => (statements += 1),
  });
  close.push(() => db.close());
  return { db, statements: () => statements };
}
afterEach(async () => {
  for (const end of close.splice(0)) await end();
});

describe('a chore loop', () => {
  serviceContract(
    () => {
      let rounds = 0;
      const run = async () => {
        rounds += 1;
        return { done: 0, more: false };
      };
      const loop = new ChoreLoop(
        { name: 'test', intervalMs: 30, run },
        { swept: () => undefined, failed: () => undefined },
      );
      return { service: loop, activity: () => rounds };
    },
    { quietMs: 100 },
  );
});

describe('the server of metrics and probes', () => {
  serviceContract(
    () => {
      const role = {
        registry: new Registry(),
        liveness: () => ({ ok: true, reasons: [] }),
        readiness: async () => ({ ok: true, reasons: [] }),
      };
      const server = new ServiceServer({ host: '127.0.0.1', port: 0 }, [role]);
      const running = async (): Promise<number> => {
        try {
          return (await fetch(`${server.url}/livez`)).ok ? 1 : 0;
        } catch {
          return 0;
        }
      };
      return { service: server, running };
    },
    { quietMs: 100 },
  );
});

describe('a heartbeat', () => {
  serviceContract(
    () => {
      const host = new HeartbeatHost({
        connection: {
          url: test.url,
          schema: 'tasker',
          applicationName: 'test heartbeat',
          sessionLocks: [newSessionLock()],
          timeoutMs: 2000,
        },
        members: 1,
        settings: { heartbeatIntervalMs: 50, maxStallMs: 10_000 },
      });
      const heartbeat = new Heartbeat(host, {
        killWhenStalled: false,
        busySlots: () => 0,
        stallDeadlineMs: () => 0,
        onLost: () => undefined,
        onError: () => undefined,
      });
      return { service: heartbeat, running: livingThreads };
    },
    { quietMs: 150 },
  );
});

describe('a membership', () => {
  serviceContract(
    () => {
      const name = newName();
      const { db } = countedDatabase();
      const membership = new Membership({
        db,
        settings: schedulerSettings(test.url),
        process: { role: 'worker', name, version: '0', queues: [], slots: 1 },
        prepare: async () => ({ known: { installationId: null, workflows: [] }, joined: () => undefined }),
        onLeaseLost: () => undefined,
        onError: () => undefined,
      });
      const service = { start: () => membership.start(), stop: () => membership.stop({ deregister: true }) };
      return { service, running: () => registered(name) };
    },
    { quietMs: 150 },
  );
});

describe.skipIf(test.directUrl === undefined)('a listener', () => {
  serviceContract(
    () => {
      const name = newName();
      const listener = new Listener({
        url: test.directUrl as string,
        schema: 'tasker',
        applicationName: name,
        onReady: () => undefined,
        onError: () => undefined,
        maxReconnectMs: 50,
      });
      return { service: listener, running: () => sessions(name) };
    },
    { quietMs: 150 },
  );
});

describe('cron', () => {
  serviceContract(
    () => {
      const name = newName();
      const cron = new Cron({
        url: test.url,
        schema: 'tasker_cron',
        applicationName: name,
        pooled: test.directUrl === undefined,
        fires: false,
        onError: () => undefined,
      });
      // Its pool may open more than one session.
      return { service: cron, running: async () => Math.min(1, await sessions(name)) };
    },
    { quietMs: 150 },
  );
});

describe('a scheduler', () => {
  serviceContract((): ContractSubject => {
    const { db, statements } = countedDatabase();
    const name = newName();
    const scheduler = new Scheduler({
      db,
      settings: schedulerSettings(test.url),
      name,
      version: '0',
      events: noSchedulerEvents,
    });
    return { service: scheduler, running: () => registered(name), activity: statements };
  });
});

describe('a worker', () => {
  serviceContract((): ContractSubject => {
    const { db, statements } = countedDatabase();
    const name = newName();
    const worker = fleet.make([], { db, name });
    return { service: worker, running: () => registered(name), activity: statements };
  });
});

/** Processes of this name that are registered and have not ended. */
async function registered(name: string): Promise<number> {
  return (await test.query('SELECT FROM tasker.tasker_workers WHERE name = $1 AND stopped_at IS NULL', [name])).length;
}

describe('several services', () => {
  it('are stopped together until a deadline, and those are named that had not stopped by then', async () => {
    const errors: string[] = [];
    const unfinished = await stopAll(
      {
        fast: { stop: async () => undefined },
        silent: { stop: () => new Promise<void>(() => undefined) },
        failing: { stop: () => Promise.reject(new Error('it cannot')) },
        throwing: {
          stop: () => {
            throw new Error('at once');
          },
        },
      },
      performance.now() + 100,
      (name, error) => errors.push(`${name}: ${(error as Error).message}`),
    );
    expect(unfinished).toEqual(['silent']);
    expect(errors.toSorted()).toEqual(['failing: it cannot', 'throwing: at once']);
  });
});
