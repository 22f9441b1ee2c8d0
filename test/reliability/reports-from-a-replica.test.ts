import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import type { ReportOptions } from '../../src/client/client-options.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { migrateToLatest } from '../../src/db/migrate.ts';
import { createDatabase, withDatabase } from '../../src/embedded/databases.ts';
import { startEmbeddedPostgres } from '../../src/embedded/start.ts';
import { ConfigError, ReportUnavailableError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { waitFor } from '../support/wait-for.ts';
import { REPLICATED, startStandby } from './standby.ts';

const flow = defineWorkflow({ name: 'flow', input: z.unknown() }).step('a', () => 1);

it('lists, workflows and the doctor read a streaming replica while it is recent, and what is set happens while it lags or is dead', async () => {
  const folder = await scratchFolder();
  const primaryDir = join(folder, 'primary');
  const primary = await startEmbeddedPostgres({ dataDir: primaryDir, settings: REPLICATED });
  await migrateToLatest(await createDatabase(primary.url(), 'fleet'));
  await migrateToLatest(await createDatabase(primary.url(), 'other'));
  const standby = await startStandby(primary, primaryDir, join(folder, 'standby'));
  const url = withDatabase(primary.url(), 'fleet');
  const replicaUrl = withDatabase(standby.url(), 'fleet');
  const clientOf = (report: Partial<ReportOptions>) =>
    createClient({ url, poolSize: 1, notify: false, report: { url: replicaUrl, ...report } });
  const falling = clientOf({ maxLagSeconds: 1 });
  const refusing = clientOf({ maxLagSeconds: 1, fallback: 'refuse' });
  const elsewhere = clientOf({ url: withDatabase(standby.url(), 'other') });
  const onPrimary = clientOf({ url, fallback: 'refuse' });
  const onReplica = new pg.Client({ connectionString: replicaUrl });
  onReplica.on('error', () => undefined);
  try {
    await onReplica.connect();
    const ids: string[] = [];
    const submit = async () => ids.unshift((await falling.submit(flow, ids.length)).taskId);
    const listed = async () => (await falling.taskPage({ workflow: 'flow' })).tasks.map((task) => task.task_id);
    await submit();
    await waitFor(async () => (await listed()).length === 1, {
      timeoutMs: 20_000,
      what: 'the replica to have the task',
    });
    expect(falling.reports.lastSource).toMatchObject({ server: 'replica', problem: undefined });

    // Nothing is committed for longer than the lag that is allowed: the replica has everything, and that is recognised.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const asked = Date.now();
    const page = await refusing.taskPage();
    expect(page.tasks.map((task) => task.task_id)).toEqual(ids);
    expect(page.asOf.getTime()).toBeGreaterThan(asked - 1000);
    expect(refusing.reports.lastSource.server).toBe('replica');
    const { workflows, asOf } = await refusing.workflows();
    expect(workflows.map((row) => row.pending_tasks)).toEqual([1]);
    expect(asOf.getTime()).toBeGreaterThan(asked - 1000);
    expect(refusing.reports.lastSource).toMatchObject({ server: 'replica', asOf });
    const { value: findings, source } = await refusing.reports.read((db) => examine(db));
    expect(findings).toEqual([]);
    expect(source.server).toBe('replica');

    // Another fleet's database, and a server that is no replica.
    await expect(elsewhere.taskPage()).rejects.toThrow(ConfigError);
    await expect(elsewhere.taskPage()).rejects.toThrow(/leads to installation .*, and the fleet is installation/);
    await expect(onPrimary.taskPage()).rejects.toThrow(/is no replica: it is not in recovery/);

    // The replica stops replaying: it still has the first page of before, and says from when.
    await onReplica.query('SELECT pg_wal_replay_pause()');
    await submit();
    const early = await clientOf({ maxLagSeconds: 3600 });
    const old = await early.taskPage();
    expect((await early.workflows()).asOf).toEqual(old.asOf);
    await early.close();
    expect(old.tasks.map((task) => task.task_id)).toEqual(ids.slice(1));
    expect(old.asOf.getTime()).toBeLessThan(Date.now() - 1000);
    // Too old for the others.
    expect(await listed()).toEqual(ids);
    expect(falling.reports.lastSource).toMatchObject({
      server: 'primary',
      problem: expect.stringMatching(/is \d+ s behind, and at most 1 s/),
    });
    await expect(refusing.taskPage()).rejects.toThrow(ReportUnavailableError);
    await expect(refusing.listTasks()).rejects.toThrow(/the replica for reports is \d+ s behind/);
    await onReplica.query('SELECT pg_wal_replay_resume()');
    await waitFor(async () => (await listed()).length === 2 && falling.reports.lastSource.server === 'replica', {
      timeoutMs: 20_000,
      what: 'the replica to catch up',
    });

    // It is killed between two pages: the iterator goes on, on the primary.
    for (let more = 0; more < 250; more += 1) await submit();
    const walked: string[] = [];
    for await (const task of falling.tasks()) {
      walked.push(task.task_id);
      if (walked.length === 100) process.kill(standby.pid, 'SIGKILL');
    }
    expect(walked.length).toBeGreaterThan(200);
    expect(new Set(walked).size).toBe(walked.length);
    expect(walked.at(-1)).toBe(ids.at(-1));
    // A session of a server whose first process was killed can still respond once.
    await waitFor(
      async () => {
        expect(await listed()).toEqual(ids.slice(0, 50));
        return falling.reports.lastSource.server === 'primary';
      },
      { timeoutMs: 5000, what: 'the last session of the replica to end' },
    );
    expect(falling.reports.lastSource).toMatchObject({ problem: expect.stringMatching(/reached/) });
    await expect(refusing.taskPage()).rejects.toThrow(/the replica for reports cannot be reached/);
    // A replica that is down keeps nobody waiting.
    const began = performance.now();
    await listed();
    expect(performance.now() - began).toBeLessThan(2000);
  } finally {
    await onReplica.end().catch(() => undefined);
    for (const client of [falling, refusing, elsewhere, onPrimary]) await client.close();
    await standby.stop().catch(() => undefined);
    await primary.stop('immediate').catch(() => undefined);
  }
}, 120_000);
