import { EIGHT_INDEXES } from '../../migrations/support/seed-indexes.ts';
import { createClient } from '../../src/index.ts';
import { installViews } from '../../test/views/view-versions.ts';
import { loadTasks } from '../../test/support/load-tasks.ts';
import { demandHealth } from '../support/drive.ts';
import { median, type PartResult, round } from '../support/report.ts';
import type { BenchDatabase, BenchServer } from '../support/server.ts';
import { diamond, mixed } from '../support/workflows.ts';

/** What Tasker (Ruby) publishes for its optimised views: all ready steps, by number of tasks. */
const TASKER_RUBY_FIGURES: Record<number, string> = {
  50: '< 100 ms',
  500: '< 500 ms',
  5000: '< 2 s',
  50_000: '< 10 s',
};

const QUERIES: readonly { name: string; text: (views: string, middle: number) => string; locks?: boolean }[] = [
  {
    name: 'all ready steps',
    text: (v) => `SELECT count(*) FROM ${v}.tasker_step_readiness_statuses WHERE ready_for_execution`,
  },
  ...[10, 100, 500].map((n) => ({
    name: `claim of ${n}`,
    locks: true,
    // Rows of v01 and v02 cannot be locked, because these views join and group: their claim first reads the ready steps and then locks them.
    text: (v: string) =>
      v === 'v04'
        ? `SELECT task_id, workflow_step_id FROM v04.tasker_step_readiness_statuses WHERE ready_for_execution AND queue = 'default' ORDER BY priority, ready_at, workflow_step_id LIMIT ${n} FOR NO KEY UPDATE SKIP LOCKED`
        : `WITH ready AS MATERIALIZED (SELECT task_id, workflow_step_id FROM ${v}.tasker_step_readiness_statuses WHERE ready_for_execution LIMIT ${n})
           SELECT s.task_id FROM tasker.tasker_workflow_steps s JOIN ready r USING (task_id, workflow_step_id) FOR NO KEY UPDATE OF s SKIP LOCKED`,
  })),
  {
    name: "one task's readiness",
    text: (v, m) => `SELECT * FROM ${v}.tasker_step_readiness_statuses WHERE task_id = ${m}`,
  },
  {
    name: "one task's context",
    text: (v, m) => `SELECT * FROM ${v}.tasker_task_execution_contexts WHERE task_id = ${m}`,
  },
  {
    name: 'a page of 50 contexts',
    text: (v, m) => `SELECT * FROM ${v}.tasker_task_execution_contexts WHERE task_id >= ${m} ORDER BY task_id LIMIT 50`,
  },
  {
    name: 'all contexts',
    // Whole rows: of single columns PostgreSQL computes no others.
    text: (v) => `SELECT count(c) FROM ${v}.tasker_task_execution_contexts c`,
  },
];
const LIMIT_MS = 20_000;
const VIEWS = ['v01', 'v02', 'v04'] as const;

/**
 * The rules of Tasker (Ruby)'s two sets of views, written for our tables, and our views, over equal rows in two databases, each with the
 * indexes that its views were made for. Each query runs five times; the sets take turns.
 */
export async function readiness(server: BenchServer, quick: boolean): Promise<PartResult> {
  const sizes = quick ? [50, 500] : [50, 500, 5000, 50_000, 500_000];
  const times = new Map<string, number>();
  for (const size of sizes) {
    const taskerRuby = await server.database();
    await load(taskerRuby, size);
    await installViews(taskerRuby.pool, ['v01', 'v02']);
    for (const [name, { definition }] of Object.entries(EIGHT_INDEXES))
      await taskerRuby.query(`CREATE INDEX ${name} ${definition}`);
    const ours = await server.database();
    await load(ours, size);
    await installViews(ours.pool, ['v04']);
    const databases = { v01: taskerRuby, v02: taskerRuby, v04: ours };
    for (const db of [taskerRuby, ours]) await db.query('VACUUM ANALYZE');
    for (const [query, { text, name, locks }] of QUERIES.entries()) {
      const samples: Record<string, number[]> = { v01: [], v02: [], v04: [] };
      const over = new Set<string>();
      for (let turn = 0; turn < (quick ? 2 : 5); turn += 1) {
        for (const views of VIEWS) {
          if (over.has(views) || (size > 50_000 && views === 'v01')) continue;
          const ms = await timed(databases[views], text(views, Math.ceil(size / 2)), locks ?? false);
          if (ms === undefined) over.add(views);
          else {
            samples[views]?.push(ms);
            // A query that takes seconds does not run five times.
            if (ms > 3000) over.add(views);
          }
        }
      }
      for (const [views, all] of Object.entries(samples))
        if (all.length > 0) times.set(`${query} ${size} ${views}`, median(all));
      console.error(
        `  ${size} tasks, ${name}: ${Object.entries(samples)
          .map(([v, all]) => `${v} ${all.length > 0 ? round(median(all), 2) : '-'} ms`)
          .join(', ')}`,
      );
    }
    // On larger databases the doctor would take longer than the part.
    for (const db of [taskerRuby, ours]) {
      if (size <= 50_000) await demandHealth(db);
      await db.drop();
    }
  }
  const cell = (query: number, size: number, views: string): string | number => {
    const ms = times.get(`${query} ${size} ${views}`);
    return ms === undefined ? `> ${LIMIT_MS / 1000} s or not run` : round(ms, ms < 10 ? 2 : 0);
  };
  return {
    tables: QUERIES.map(({ name }, query) => ({
      title: `${name}, ms`,
      columns: [
        'tasks',
        "v01: Tasker (Ruby)'s rules",
        'v02: its optimised rules',
        'v04: ours',
        ...(query === 0 ? ["Tasker (Ruby)'s own figure for v02"] : []),
      ],
      rows: sizes.map((size) => [
        size,
        ...VIEWS.map((views) => cell(query, size, views)),
        ...(query === 0 ? [TASKER_RUBY_FIGURES[size] ?? '-'] : []),
      ]),
    })),
    charts: [0, 2, 5, 7].map((query) => ({
      name: `readiness-${(QUERIES[query]?.name ?? '').replaceAll(/\W+/g, '-')}`,
      title: QUERIES[query]?.name ?? '',
      x: { field: 'tasks', title: 'tasks', log: true },
      y: { field: 'ms', title: 'ms', log: true },
      series: 'views',
      values: sizes.flatMap((tasks) =>
        VIEWS.flatMap((views) => {
          const ms = times.get(`${query} ${tasks} ${views}`);
          return ms === undefined ? [] : [{ tasks, views, ms }];
        }),
      ),
    })),
    data: Object.fromEntries(times),
  };
}

async function load(db: BenchDatabase, size: number): Promise<void> {
  const client = createClient({ url: db.url, notify: false });
  try {
    const half = Math.ceil(size / 2);
    const progress = [-1, -1, -1, 0, 1, 2, -1, 3];
    await loadTasks(db.pool, { namedTaskId: await client.register(diamond), tasks: half, progress });
    await loadTasks(db.pool, {
      namedTaskId: await client.register(mixed),
      tasks: size - half,
      progress: [...progress, 5],
    });
  } finally {
    await client.close();
  }
}

async function timed(db: BenchDatabase, text: string, rollBack: boolean): Promise<number | undefined> {
  const client = await db.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(`SET LOCAL statement_timeout = ${LIMIT_MS}`);
    const started = performance.now();
    await client.query(text);
    return performance.now() - started;
  } catch (error) {
    if ((error as { code?: string }).code === '57014') return undefined;
    throw error;
  } finally {
    await client.query(rollBack ? 'ROLLBACK' : 'COMMIT').catch(() => undefined);
    client.release();
  }
}
