import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createClient, type Client } from '../../src/index.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { sizeOf } from '../../src/scaling/size.ts';
import { loadTasks } from '../../test/support/load-tasks.ts';
import { type PartResult, percentile, round, type Table } from '../support/report.ts';
import type { BenchDatabase, BenchServer } from '../support/server.ts';
import { single } from '../support/workflows.ts';
import { claims } from './flatness/history-and-backlog.ts';
import { Retention } from './year/retention.ts';
import { Sample } from './year/sample.ts';

const DAY_MS = 86_400_000;
const KEEP_DAYS = 30;
/** JSON of what the tasks have. */
const INPUT_BYTES = 13;
const RESULT_BYTES = 12;

interface Slice {
  month: number;
  /** Before and after retention, in bytes of tables and their indexes. */
  full: number;
  kept: number;
}
interface Month {
  month: number;
  p50: number;
  p95: number;
  archivedTasks: number;
}

/**
 * A year of tasks, some days at once: they are loaded with times in the past, and retention, which counts from now, is given a policy
 * that ends 30 days before the last of them. What it removes goes to an archive on disk. Only the tasks are made by INSERT ... SELECT:
 * retention, archive, partitions and statistics are the scheduler's own code.
 */
export async function year(server: BenchServer, quick: boolean): Promise<PartResult> {
  const tasks = quick ? 6000 : Number(process.env['BENCH_YEAR_TASKS'] ?? 5_000_000);
  const sliceDays = quick ? 10 : 3;
  const slices = Math.round(360 / sliceDays);
  const perSlice = Math.floor(tasks / slices);
  const folder = await mkdtemp(join(tmpdir(), 'tasker-year-'));
  const db = await server.database();
  const database = openDatabase({ url: db.url, poolSize: 4, applicationName: 'bench year' });
  const client = createClient({ url: db.url, notify: false, archive: { url: pathToFileURL(folder).href } });
  try {
    const workflow = await client.register(single);
    const retention = new Retention(database, pathToFileURL(folder).href);
    await retention.begin();
    const sample = new Sample(db, quick ? 60 : 1200);
    const empty = await bytesOf(db);
    const now = Date.now();
    const ends = (slice: number): Date => new Date(now - (slices - 1 - slice) * sliceDays * DAY_MS);
    const measured: Slice[] = [];
    const months: Month[] = [];
    for (let slice = 0; slice < slices; slice += 1) {
      const month = 1 + Math.floor((slice * sliceDays) / 30);
      const times = { from: new Date(ends(slice).getTime() - sliceDays * DAY_MS), until: ends(slice) };
      await loadTasks(db.pool, { namedTaskId: workflow, tasks: perSlice, progress: [-1], times });
      await sample.take(perSlice, slices);
      const full = (await bytesOf(db)) - empty;
      await retention.removeUntilIdle(`${KEEP_DAYS + (slices - 1 - slice) * sliceDays}d`);
      await db.query('VACUUM');
      measured.push({ month, full, kept: (await bytesOf(db)) - empty });
      if (month === Math.floor(((slice + 1) * sliceDays) / 30)) {
        months.push({
          month,
          ...(await claimsNow(db, workflow, ends(slice), quick)),
          archivedTasks: retention.archived,
        });
        console.error(`  month ${month}: ${retention.archived.toLocaleString('en-US')} tasks archived`);
      }
    }
    const archive = await verifyArchive(client, db, sample, perSlice * slices);
    const load = { stepsPerDay: perSlice / sliceDays, stepsPerTask: 1, parentsPerStep: 0, inputBytes: INPUT_BYTES };
    const predicted = sizeOf({ ...load, resultBytes: RESULT_BYTES, keepDays: KEEP_DAYS + sliceDays }).diskBytes;
    const data = { tasks: perSlice * slices, sliceDays, slices: measured, months, predicted, archive };
    return { tables: [monthsTable(data), archiveTable(data)], data };
  } finally {
    await client.close();
    await database.close();
    await db.drop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Tables of the fleet with their indexes. */
async function bytesOf(db: BenchDatabase): Promise<number> {
  const [row] = await db.query<{ bytes: number }>(
    `SELECT sum(pg_total_relation_size(oid))::float8 AS bytes FROM pg_class WHERE relnamespace = 'tasker'::regnamespace AND relkind = 'r'`,
  );
  return row?.bytes ?? NaN;
}

/** A claim of 64 of the ready steps of this month. */
async function claimsNow(
  db: BenchDatabase,
  workflow: number,
  at: Date,
  quick: boolean,
): Promise<{ p50: number; p95: number }> {
  const times = { from: new Date(at.getTime() - 60_000), until: at };
  await loadTasks(db.pool, { namedTaskId: workflow, tasks: 100, progress: [0], times });
  await db.query('ANALYZE');
  const samples = await claims(db, [workflow], quick ? 8 : 110);
  return { p50: percentile(samples, 50), p95: percentile(samples, 95) };
}

interface ArchiveResult {
  objects: number;
  bytes: number;
  tasks: number;
  live: number;
  problems: number;
  shown: number;
  restored: number;
  same: number;
}

/** Every object is read whole, with each row; some tasks are shown and restored. */
async function verifyArchive(
  client: Client,
  db: BenchDatabase,
  sample: Sample,
  loaded: number,
): Promise<ArchiveResult> {
  const [live] = await db.query<{ tasks: number }>(
    `SELECT count(*)::integer AS tasks FROM tasker.tasker_tasks WHERE complete`,
  );
  const report = await client.archive.verify({ deep: true });
  if (report.tasks + (live?.tasks ?? 0) !== loaded) {
    throw new Error(`${report.tasks} tasks are archived and ${live?.tasks} in the tables, of ${loaded}`);
  }
  return {
    objects: report.objects,
    bytes: report.bytes,
    tasks: report.tasks,
    live: live?.tasks ?? 0,
    problems: report.problems.length + report.orphans.length,
    ...(await sample.restore(client)),
  };
}

interface Data {
  tasks: number;
  sliceDays: number;
  slices: readonly Slice[];
  months: readonly Month[];
  predicted: number;
  archive: ArchiveResult;
}

const mb = (bytes: number): number => round(bytes / 1e6);

function monthsTable({ tasks, sliceDays, slices, months, predicted }: Data): Table {
  return {
    title: `A year of ${tasks.toLocaleString('en-US')} tasks, ${sliceDays} days at once, of which 30 days are kept: predicted at most ${mb(predicted).toLocaleString('en-US')} MB`,
    columns: [
      'month',
      'tables at most, MB',
      'of the prediction',
      'after retention, MB',
      'archived tasks',
      'claim of 64, p50, ms',
      'p95',
    ],
    rows: months.map(({ month, p50, p95, archivedTasks }) => {
      const own = slices.filter((slice) => slice.month === month);
      const most = Math.max(...own.map(({ full }) => full));
      return [
        month,
        mb(most),
        `${round((100 * most) / predicted)} %`,
        mb(own.at(-1)?.kept ?? NaN),
        archivedTasks,
        round(p50, 2),
        round(p95, 2),
      ];
    }),
  };
}

function archiveTable({ archive }: Data): Table {
  return {
    title: 'The archive of that year',
    columns: ['', ''],
    rows: [
      ['tasks in it', archive.tasks],
      ['objects, each read whole', archive.objects],
      ['MB', mb(archive.bytes)],
      ['bytes a task', round(archive.bytes / archive.tasks)],
      ['problems and objects without a record', archive.problems],
      ['tasks that were shown', archive.shown],
      ['tasks that were restored', archive.restored],
      ['of them with every row as it was, byte for byte', archive.same],
    ],
  };
}
