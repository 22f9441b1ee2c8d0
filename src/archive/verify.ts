import type { Database } from '../db/connections/database.ts';
import { installationOf } from '../db/installation.ts';
import { type ArchiveRow, findDoubledTasks, listArchives, listUnfinished } from '../db/statements/archive/records.ts';
import { ArchiveDamagedError } from '../errors.ts';
import { countsOf } from './object/object-writer.ts';
import { ArchiveObjectReader, taskOf } from './object/object-reader.ts';
import type { Manifest } from './object/manifest.ts';
import { findOrphans, type Orphan } from './orphans.ts';
import type { ArchiveStore } from './stores/store.ts';

/** What is wrong with an object of the archive, or with a task of it. */
export interface ArchiveProblem {
  /** `missing`, `damaged`: of an object. `doubled`: a task is in an object and in the tables, though it was not restored. */
  kind: 'missing' | 'damaged' | 'doubled';
  object: string;
  archiveId: string;
  taskId?: string;
  problem: string;
}

/** What a verification of the archive found. */
export interface VerifyReport {
  /** Records that were compared with their objects. */
  objects: number;
  tasks: number;
  bytes: number;
  problems: ArchiveProblem[];
  /** Objects without a record. */
  orphans: Orphan[];
  /** Objects that are being written, and those that are to be removed from the store. */
  unfinished: { object: string; state: string; touched_at: Date }[];
}

const PAGE = 200;
/** The part behind all records: what the store has besides. */
const REST = 'rest';

interface VerifyOptions {
  /** Read the objects whole: hashes, and each row. */
  deep?: boolean | undefined;
  onObject?: ((object: string) => void) | undefined;
}

/** Which part of a verification, and how much of it. */
export interface PartOptions extends VerifyOptions {
  /** `next` of the part before; undefined: the first. */
  from?: string | undefined;
  /** Records, at most. */
  limit?: number;
  /** No further record is begun after this time. */
  patienceMs?: number;
  signal?: AbortSignal | undefined;
}

const EMPTY = { objects: 0, tasks: 0, bytes: 0 } as const;

/** Compares every record with its object: that both are there, that lengths, counts and ranges agree. Changes nothing. */
export async function verifyArchive(
  db: Database,
  store: ArchiveStore,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const report: VerifyReport = { ...EMPTY, problems: [], orphans: [], unfinished: [] };
  for (let from: string | undefined; ;) {
    const part: VerifyReport & { next: string | undefined } = await verifyPart(db, store, { ...options, from });
    addTo(report, part);
    if (part.next === undefined) return report;
    from = part.next;
  }
}

/** Adds what a part has found. */
export function addTo(report: VerifyReport, part: VerifyReport): void {
  report.objects += part.objects;
  report.tasks += part.tasks;
  report.bytes += part.bytes;
  report.problems.push(...part.problems);
  report.orphans.push(...part.orphans);
  report.unfinished.push(...part.unfinished);
}

/** A part of `verifyArchive`, for whoever may not wait for the whole: `next` is where to go on; undefined: this was the last. */
export async function verifyPart(
  db: Database,
  store: ArchiveStore,
  { deep = false, onObject, from, limit = PAGE, patienceMs = Number.POSITIVE_INFINITY, signal }: PartOptions,
): Promise<VerifyReport & { next: string | undefined }> {
  const report: VerifyReport = { ...EMPTY, problems: [], orphans: [], unfinished: [] };
  if (from === REST) {
    const { installationId } = await installationOf(db);
    report.orphans = await findOrphans(db, store, installationId);
    report.unfinished = await db.run(listUnfinished);
    return { ...report, next: undefined };
  }
  if (from === undefined) {
    for (const { task_id: taskId, archive_id: archiveId, object } of await db.run(findDoubledTasks)) {
      const problem = `task ${taskId} is in the tables as well`;
      report.problems.push({ kind: 'doubled', object, archiveId, taskId, problem });
    }
  }
  const page = await db.run(listArchives, {
    below: from ?? null,
    requested_since: null,
    requested_before: null,
    limit,
  });
  const began = performance.now();
  let last: string | undefined;
  for (const record of page) {
    // One at least, so that every part goes on.
    if (last !== undefined && performance.now() - began > patienceMs) return { ...report, next: last };
    signal?.throwIfAborted();
    onObject?.(record.object);
    report.objects += 1;
    report.tasks += record.tasks;
    report.bytes += Number(record.bytes);
    report.problems.push(...(await verifyObject(db, store, record, deep)));
    last = record.archive_id;
  }
  return { ...report, next: page.length < limit ? REST : last };
}

async function verifyObject(
  db: Database,
  store: ArchiveStore,
  record: ArchiveRow,
  deep: boolean,
): Promise<ArchiveProblem[]> {
  const about = { object: record.object, archiveId: record.archive_id };
  const size = await store.size(record.object);
  let problems: string[] = [];
  try {
    if (size === undefined) throw new ArchiveDamagedError('the object is missing', { missing: true });
    const reader = await ArchiveObjectReader.open(store, record.object);
    problems = differences(record, reader.manifest, size);
    if (deep && problems.length === 0) problems = await readWhole(reader);
  } catch (error) {
    if (!(error instanceof ArchiveDamagedError)) throw error;
    problems = [error.message];
  }
  if (problems.length === 0) return [];
  // An erasure may have replaced it since the page was read.
  const [still] = await db.run(listArchives, {
    below: String(BigInt(record.archive_id) + 1n),
    requested_since: null,
    requested_before: null,
    limit: 1,
  });
  if (still?.archive_id !== record.archive_id) return [];
  return problems.map((problem) => ({ kind: size === undefined ? 'missing' : 'damaged', ...about, problem }));
}

/** What of the manifest is not what the record says. */
function differences(record: ArchiveRow, manifest: Manifest, size: number): string[] {
  const compared: [string, unknown, unknown][] = [
    ['length of the object', record.bytes, String(size)],
    ['format', record.format, manifest.format],
    ['tasks', record.tasks, manifest.tasks],
    ['steps', record.steps, manifest.steps],
    ['edges', record.edges, manifest.edges],
    ['transitions', record.transitions, manifest.transitions],
    ['erased tasks', record.erased_tasks, manifest.erased_tasks],
    ['lowest task', record.lowest_task_id, manifest.lowest_task_id],
    ['highest task', record.highest_task_id, manifest.highest_task_id],
    ['bytes', record.bytes, String(manifest.bytes)],
    ['SHA-256', record.sha256, manifest.sha256],
  ];
  return compared
    .filter(([, recorded, found]) => recorded !== found)
    .map(([what, recorded, found]) => `${what}: ${String(found)}, and the record has ${String(recorded)}`);
}

async function readWhole(reader: ArchiveObjectReader): Promise<string[]> {
  const { manifest } = reader;
  const digest = await reader.digest();
  if (digest?.sha256 !== manifest.sha256)
    return [`SHA-256 of the object: ${digest?.sha256}, and the manifest has ${manifest.sha256}`];
  const problems: string[] = [];
  const index = await reader.index();
  const counted = countsOf(index);
  for (const rows of ['tasks', 'steps', 'edges', 'transitions'] as const) {
    if (counted[rows] !== manifest[rows])
      problems.push(`${rows} of the index: ${counted[rows]}, and the manifest has ${manifest[rows]}`);
  }
  const expected = new Map(index.map((entry) => [entry.task_id, entry]));
  for (const block of manifest.blocks) {
    const rows = new Map<string, Record<string, number>>();
    for (const line of await reader.lines(block)) {
      const { row } = JSON.parse(line) as { row: string };
      const counts = rows.get(taskOf(line)) ?? {};
      rows.set(taskOf(line), { ...counts, [row]: (counts[row] ?? 0) + 1 });
    }
    for (const [taskId, { task = 0, step = 0, edge = 0, step_transition = 0, task_transition = 0 }] of rows) {
      const entry = expected.get(taskId);
      const agrees =
        entry !== undefined &&
        task === 1 &&
        step === entry.steps &&
        edge === entry.edges &&
        step_transition + task_transition === entry.transitions;
      if (!agrees) problems.push(`the rows of task ${taskId} are not those that the index counts`);
      expected.delete(taskId);
    }
  }
  if (expected.size > 0) problems.push(`${expected.size} tasks of the index have no rows`);
  return problems;
}
