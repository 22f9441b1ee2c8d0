import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createClient, type Client } from '../../src/index.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { sizeOf } from '../../src/scaling/size.ts';
import { loadTasks } from '../../test/support/load-tasks.ts';
import { type PartResult, round, type Table } from '../support/report.ts';
import type { BenchDatabase, BenchServer } from '../support/server.ts';
import { ClaimSession, claimsInTurns, medianOf } from '../support/claim-session.ts';
import { single } from '../support/workflows.ts';
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
/** Medians of a claim of 64 in this database, and in one without history, in turns. */
interface Claims {
  ms: number;
  cpuMs: number;
  controlMs: number;
  controlCpuMs: number;
}
interface Month extends Claims {
  month: number;
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
  const control = await server.database();
  const database = openDatabase({ url: db.url, poolSize: 4, applicationName: 'bench year' });
  const client = createClient({ url: db.url, notify: false, archive: { url: pathToFileURL(folder).href } });
  try {
    const workflow = await client.register(single);
    const dbs = { measured: { db, workflow }, control: { db: control, workflow: await registerIn(control) } };
    const retention = new Retention(database, pathToFileURL(folder).href);
    await retention.begin();
    const sample = new Sample(db, quick ? 60 : 1200);
    const empty = await bytesOf(db);
    const now = Date.now();
    const began = performance.now();
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
          ...(await claimsNow(dbs, ends(slice), quick)),
          archivedTasks: retention.archived,
        });
        const seconds = Math.round((performance.now() - began) / 1000);
        console.error(`  month ${month}: ${retention.archived.toLocaleString('en-US')} tasks archived, ${seconds} s`);
      }
    }
    const archive = await verifyArchive(client, db, sample, perSlice * slices);
    const load = { stepsPerDay: perSlice / sliceDays, stepsPerTask: 1, parentsPerStep: 0, inputBytes: INPUT_BYTES };
    const predicted = sizeOf({ ...load, resultBytes: RESULT_BYTES, keepDays: KEEP_DAYS + sliceDays }).diskBytesAtMost;
    const data = { tasks: perSlice * slices, sliceDays, slices: measured, months, predicted, archive };
    return { tables: [monthsTable(data), archiveTable(data)], data };
  } finally {
    await client.close();
    await database.close();
    await db.drop();
    await control.drop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function registerIn(db: BenchDatabase): Promise<number> {
  const client = createClient({ url: db.url, notify: false });
  try {
    return await client.register(single);
  } finally {
    await client.close();
  }
}

/** Tables of the fleet with their indexes. */
async function bytesOf(db: BenchDatabase): Promise<number> {
  const [row] = await db.query<{ bytes: number }>(
    `SELECT sum(pg_total_relation_size(oid))::float8 AS bytes FROM pg_class WHERE relnamespace = 'tasker'::regnamespace AND relkind = 'r'`,
  );
  return row?.bytes ?? NaN;
}

/** Claims of 64 of the ready steps of this month, in turns with a database that has only these. */
async function claimsNow(dbs: Databases, at: Date, quick: boolean): Promise<Claims> {
  const times = { from: new Date(at.getTime() - 60_000), until: at };
  const open = async ({ db, workflow }: Databases['measured']): Promise<ClaimSession> => {
    await loadTasks(db.pool, { namedTaskId: workflow, tasks: 100, progress: [0], times });
    await db.query('VACUUM ANALYZE');
    return ClaimSession.open(db, [workflow]);
  };
  const sessions = { measured: await open(dbs.measured), control: await open(dbs.control) };
  try {
    const { measured, control } = await claimsInTurns(sessions, quick ? 8 : 210);
    return {
      ms: medianOf(measured, 'ms'),
      cpuMs: medianOf(measured, 'cpuMs'),
      controlMs: medianOf(control, 'ms'),
      controlCpuMs: medianOf(control, 'cpuMs'),
    };
  } finally {
    await sessions.measured.close();
    await sessions.control.close();
  }
}

interface Databases {
  measured: { db: BenchDatabase; workflow: number };
  control: { db: BenchDatabase; workflow: number };
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
      'claim of 64, CPU of its backend, ms',
      'without history',
      'ratio',
      'claim of 64, ms',
      'without history',
    ],
    rows: months.map(({ month, ms, cpuMs, controlMs, controlCpuMs, archivedTasks }) => {
      const own = slices.filter((slice) => slice.month === month);
      const most = Math.max(...own.map(({ full }) => full));
      return [
        month,
        mb(most),
        `${round((100 * most) / predicted)} %`,
        mb(own.at(-1)?.kept ?? NaN),
        archivedTasks,
        round(cpuMs, 2),
        round(controlCpuMs, 2),
        round(cpuMs / controlCpuMs, 2),
        round(ms, 2),
        round(controlMs, 2),
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
