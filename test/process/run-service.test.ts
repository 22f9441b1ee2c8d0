import { afterEach, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load-config.ts';
import { createLogger, type Logger } from '../../src/logger.ts';
import type { Host } from '../../src/process/host.ts';
import { type RoleService, runService } from '../../src/process/run-service.ts';
import type { RunningService } from '../../src/process/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const open: RunningService[] = [];
afterEach(async () => {
  for (const running of open.splice(0)) await running.stop();
});

/** Starts a role that only notes what is called, with `role` for what the test replaces. */
async function start(role: Partial<RoleService> = {}, env: Record<string, string> = {}) {
  const calls: string[] = [];
  const lines: unknown[] = [];
  const log = createLogger({ level: 'silent', role: 'test' });
  const hosts: Host[] = [];
  const promise = runService({
    role: 'scheduler',
    config: loadConfig('scheduler', { DATABASE_URL: test.url, TASKER_METRICS_PORT: '0', ...env }),
    log: Object.assign(Object.create(log) as Logger, { info: (...line: unknown[]) => lines.push(line) }),
    make: (host): RoleService => {
      hosts.push(host);
      return {
        loops: [{ name: 'loop', maxAgeMs: 60_000 }],
        leaseAgeSeconds: () => 0,
        refresh: () => calls.push('refresh'),
        describe: () => ({ worker_id: '7' }),
        start: async () => {
          calls.push('start');
          await role.start?.();
        },
        stop: async () => {
          calls.push('stop');
          return (await role.stop?.()) ?? { unfinished: [] };
        },
      };
    },
  });
  return { promise, calls, lines, host: hosts[0] as Host };
}

async function started(role: Partial<RoleService> = {}) {
  const { promise, ...rest } = await start(role);
  const { running } = await promise;
  open.push(running);
  return { running, ...rest };
}

it('serves probes and metrics from the start of the role, and logs one line with its fields', async () => {
  const { running, calls, lines, host } = await started();
  expect((await fetch(`${running.url}/livez`)).status).toBe(200);
  expect((await fetch(`${running.url}/readyz`)).status).toBe(200);
  expect(await (await fetch(`${running.url}/metrics`)).text()).toMatch(/^tasker_draining\S* 0$/m);
  expect(calls).toEqual(['start', 'refresh']);
  expect(lines).toEqual([[{ worker_id: '7', url: running.url }, 'scheduler started']]);
  expect(host.progress.ages().map(({ loop }) => loop)).toEqual(['loop']);
});

it('stopped twice it stops the role once, then closes the server and the pool', async () => {
  const gate = Promise.withResolvers<void>();
  const { running, calls, host } = await started({
    stop: async () => {
      await gate.promise;
      return { unfinished: ['a chore'] };
    },
  });
  const stops = [running.stop(), running.stop()];
  const ready = await fetch(`${running.url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ reasons: ['the scheduler is draining'] });
  // A loop that has ended is no reason to restart the process.
  expect(host.progress.ages()).toEqual([]);
  gate.resolve();
  expect(await Promise.all(stops)).toEqual([{ unfinished: ['a chore'] }, { unfinished: ['a chore'] }]);
  expect(calls.filter((call) => call === 'stop')).toHaveLength(1);
  await expect(fetch(`${running.url}/livez`)).rejects.toThrow('fetch failed');
  expect(host.db.pool.ended).toBe(true);
});

it('a role that does not start is stopped, and leaves neither server nor pool', async () => {
  const { promise, calls, lines, host } = await start({ start: () => Promise.reject(new Error('it cannot')) });
  await expect(promise).rejects.toThrow('it cannot');
  expect(calls).toEqual(['start', 'stop']);
  expect(lines).toEqual([]);
  expect(host.db.pool.ended).toBe(true);
});

it('a role is not started on a schema without tables, nor on a port that is taken', async () => {
  const empty = await start({}, { TASKER_SCHEMA: 'nowhere' });
  await expect(empty.promise).rejects.toMatchObject({ code: 'SCHEMA_OUTDATED' });
  const { running } = await started();
  const taken = await start({}, { TASKER_METRICS_PORT: new URL(running.url).port });
  await expect(taken.promise).rejects.toThrow(/TASKER_METRICS_PORT/);
  expect([...empty.calls, ...taken.calls]).toEqual(['stop', 'stop']);
  expect([empty.host.db.pool.ended, taken.host.db.pool.ended]).toEqual([true, true]);
});
