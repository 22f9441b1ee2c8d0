import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../src/index.ts';
import { demandHealth } from '../support/drive.ts';
import { startFleet } from '../support/fleet.ts';
import { type IdleCost, idleCost } from '../support/idle.ts';
import { percentile, type PartResult, round } from '../support/report.ts';
import type { BenchServer } from '../support/server.ts';
import { diamond } from '../support/workflows.ts';

/** From submit and from ready to the start of a step, on an idle fleet and at a steady load, with and without NOTIFY. */
export async function latency(server: BenchServer, quick: boolean): Promise<PartResult> {
  const rows: (string | number)[][] = [];
  const idleRows: (string | number)[][] = [];
  const data: Record<string, unknown> = {};
  const seconds = quick ? 3 : 20;
  const loads = [
    { name: 'idle fleet', perSecond: 5, notify: true },
    { name: 'idle fleet, polling only', perSecond: 5, notify: false },
    { name: 'steady load, 1,000 tasks/s (4,000 steps/s)', perSecond: 1000, notify: true },
  ];
  for (const { name, perSecond, notify } of loads) {
    const db = await server.database();
    const fleet = await startFleet({ url: db.url, workers: 2, schedulers: 1, env: { TASKER_NOTIFY: String(notify) } });
    const client = createClient({ url: db.url, notify });
    try {
      await client.register(diamond);
      await sleep(1000);
      const started = performance.now();
      for (let sent = 0; performance.now() - started < seconds * 1000;) {
        const due = Math.floor(((performance.now() - started) / 1000) * perSecond) + 1;
        const batch = Array.from({ length: due - sent }, (_, index) => ({ input: { n: sent + index } }));
        for await (const _ of client.submitMany(diamond, batch)) sent += 1;
        await sleep(perSecond < 100 ? 20 : 10);
      }
      await sleep(notify ? 1500 : 3000);
    } finally {
      await client.close();
      await fleet.stop();
    }
    const samples = await db.query<{ submit_ms: number; ready_ms: number | null }>(`
      SELECT extract(epoch FROM a.last_attempted_at - t.requested_at)::float8 * 1000 AS submit_ms,
        extract(epoch FROM d.last_attempted_at - greatest(b.processed_at, c.processed_at))::float8 * 1000 AS ready_ms
      FROM tasker.tasker_tasks t
      JOIN tasker.tasker_workflow_steps a ON a.task_id = t.task_id AND a.workflow_step_id = t.task_id * 65536 + 1
      JOIN tasker.tasker_workflow_steps b ON b.task_id = t.task_id AND b.workflow_step_id = t.task_id * 65536 + 2
      JOIN tasker.tasker_workflow_steps c ON c.task_id = t.task_id AND c.workflow_step_id = t.task_id * 65536 + 3
      JOIN tasker.tasker_workflow_steps d ON d.task_id = t.task_id AND d.workflow_step_id = t.task_id * 65536 + 4
      WHERE t.complete`);
    for (const [what, key] of [
      ['submit to start', 'submit_ms'],
      ['ready to start', 'ready_ms'],
    ] as const) {
      const values = samples.map((sample) => sample[key] as number);
      rows.push([name, what, values.length, ...[50, 95, 99].map((p) => round(percentile(values, p), 1))]);
    }
    data[name] = samples.length > 5000 ? samples.slice(0, 5000) : samples;
    await demandHealth(db);
    await db.drop();
  }

  const workers = quick ? 2 : 8;
  const db = await server.database();
  const idleSeconds = quick ? 2 : 30;
  // PostgreSQL's own work, above all that of autovacuum, goes on without a fleet.
  await sleep(quick ? 500 : 5000);
  const alone = await idleCost(db, server, [], idleSeconds);
  idleRows.push(['none', round(alone.serverCpu, 2), '-', round(alone.statements, 1), round(alone.transactions, 1)]);
  const fleet = await startFleet({ url: db.url, workers, schedulers: 1 });
  try {
    // A fleet that has just started is still planning its statements, and autovacuum is still working on what the start wrote.
    let cost: IdleCost | undefined;
    for (const [when, settleMs] of [
      ['just started', 10_000],
      ['after two minutes', 80_000],
    ] as const) {
      await sleep(quick ? 750 : settleMs);
      cost = await idleCost(db, server, fleet.pids, idleSeconds);
      idleRows.push([
        `${workers} workers and a scheduler, nothing to do, ${when}`,
        round(cost.serverCpu, 2),
        round(cost.processCpu, 2),
        round(cost.statements, 1),
        round(cost.transactions, 1),
      ]);
    }
    // The first characters identify a statement; the rest is in the source.
    data['idle statements'] = cost?.byStatement.map(({ query, perSecond, msPerSecond }) => ({
      query: query.trim().replaceAll(/\s+/g, ' ').slice(0, 120),
      perSecond: round(perSecond, 2),
      msPerSecond: round(msPerSecond, 3),
    }));
  } finally {
    await fleet.stop();
  }
  await demandHealth(db);
  await db.drop();
  return {
    tables: [
      {
        title: 'Latency in ms (2 workers, 1 scheduler)',
        columns: ['load', 'from', 'samples', 'p50', 'p95', 'p99'],
        rows,
      },
      {
        title: 'Cost of an idle fleet',
        columns: ['fleet', 'PostgreSQL, % of a core', 'each process, % of a core', 'statements/s', 'transactions/s'],
        rows: idleRows,
      },
    ],
    data,
  };
}
