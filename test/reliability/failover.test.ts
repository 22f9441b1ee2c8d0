import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrateToLatest } from '../../src/db/migrate.ts';
import { createDatabase, withDatabase } from '../../src/embedded/databases.ts';
import { startEmbeddedPostgres } from '../../src/embedded/start.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { waitFor } from '../support/wait-for.ts';
import { allComplete, causes, findings, joined, LONG, startFleet, SteadyLoad } from './under-load.ts';
import { REPLICATED, startServiceAddress, startStandby, waitForStandbyWithEveryCommit } from './standby.ts';

const TIMES = LONG ? 20 : 1;

it.each(Array.from({ length: TIMES }, (_, index) => index + 1))(
  'failover %i: the primary is killed under load; no acknowledged task is lost and no process exits',
  async (time) => {
    const folder = await scratchFolder();
    const primaryDir = join(folder, 'primary');
    const primary = await startEmbeddedPostgres({ dataDir: primaryDir, settings: REPLICATED });
    await migrateToLatest(await createDatabase(primary.url(), 'fleet'));
    const standby = await startStandby(primary, primaryDir, join(folder, 'standby'));
    await waitForStandbyWithEveryCommit(primary);
    const service = await startServiceAddress(primary.port);
    const url = service.url(withDatabase(primary.url(), 'fleet'));
    const fleet = await startFleet({ url, workers: 3, schedulers: 2 });
    const client = new pg.Pool({ connectionString: withDatabase(standby.url(), 'fleet'), max: 2 });
    client.on('error', () => undefined);
    const query = async <Row extends object>(text: string, values?: unknown[]) =>
      (await client.query<Row & Record<string, unknown>>(text, values)).rows;
    const load = new SteadyLoad({ url, perSecond: 40, stepMs: 60, name: `failover ${time}` });
    try {
      await joined(query, 'worker', 3);
      await waitFor(() => load.acknowledged.length > 60, { timeoutMs: 60_000, what: 'load' });
      const acknowledgedBefore = load.acknowledged.length;
      process.kill(primary.pid, 'SIGKILL');
      await query('SELECT pg_promote(true, 30)');
      const promotedAt = Date.now();
      service.pointAt(standby.port);
      const claimedAt = await waitFor(
        async () => {
          const [row] = await query<{ ms: number | null }>(
            `SELECT extract(epoch FROM min(created_at))::float8 * 1000 AS ms
             FROM tasker.tasker_workflow_step_transitions
             WHERE cause = 'claim' AND created_at > to_timestamp($1::float8 / 1000)`,
            [promotedAt],
          );
          return row?.ms ?? undefined;
        },
        { timeoutMs: 60_000, what: 'a claim on the new primary' },
      );
      await sleep(3000);
      await load.stop();
      // Every acknowledged task, before and after the failover, exists and completes.
      await allComplete(query, load.acknowledged);
      const seen = await causes(query);
      console.log(
        `failover ${time}: first claim ${((claimedAt - promotedAt) / 1000).toFixed(2)} s after the promotion; ${acknowledgedBefore} tasks acknowledged before, ${load.acknowledged.length} in all; ${JSON.stringify(seen)}`,
      );
      expect(fleet.exits).toEqual([]);
      expect(load.acknowledged.length).toBeGreaterThan(acknowledgedBefore);
      // The database was unavailable, and no process crashed.
      expect(seen).not.toHaveProperty('lease_expired');
      expect(await fleet.drain(35_000)).toEqual([]);
      expect(await findings(withDatabase(standby.url(), 'fleet'))).toEqual([]);
    } finally {
      await load.stop().catch(() => undefined);
      await fleet.drain(0);
      await client.end();
      await service.close();
      await standby.stop().catch(() => undefined);
      await primary.stop('immediate').catch(() => undefined);
    }
  },
);
