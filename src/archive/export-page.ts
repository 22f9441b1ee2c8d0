import type { Database } from '../db/connections/database.ts';
import { type ArchivedKind, fieldsOf, isoTime, lineOf, placeOf } from '../db/statements/archive/archived-rows.ts';
import { type ExportedRow, EXPORTS, versionOf } from '../db/statements/archive/export-tasks.ts';
import type { IndexEntry } from './object/index-entry.ts';

/** A task with all of its rows. */
export interface ExportedTask {
  readonly entry: Omit<IndexEntry, 'block'>;
  /** One line for each row. */
  readonly lines: string;
  readonly namedStepIds: readonly number[];
  /** Of its row and those of its steps: see `rowVersions`. */
  readonly version: string;
}

/**
 * Reads whole tasks, in the order of their ids. In one transaction, so in one session: what is read later on a replica is never older. The
 * statements have a snapshot each, and versions are in the first two: a change after these shows by the versions, and until then by nothing.
 */
export function exportPage(db: Database, taskIds: readonly string[]): Promise<ExportedTask[]> {
  return db.transaction(async (tx) => {
    const found = {} as Record<ArchivedKind, Rows>;
    for (const kind of Object.keys(EXPORTS) as ArchivedKind[])
      found[kind] = new Rows(await tx.run(EXPORTS[kind], { task_ids: taskIds }));
    return found.task.all.map((task) => exportedTask(task, found));
  });
}

/** Rows of one kind in the order of their tasks, which are asked for in the same order. */
class Rows {
  readonly all: readonly ExportedRow[];
  private next = 0;

  constructor(all: readonly ExportedRow[]) {
    this.all = all;
  }

  of(taskId: string): readonly ExportedRow[] {
    const { all } = this;
    // Those of a task that was removed since the tasks were read.
    const wanted = BigInt(taskId);
    while (this.next < all.length && this.idAt(this.next) !== taskId && BigInt(this.idAt(this.next)) < wanted)
      this.next += 1;
    const first = this.next;
    while (this.next < all.length && this.idAt(this.next) === taskId) this.next += 1;
    return all.slice(first, this.next);
  }

  private idAt(place: number): string {
    return (this.all[place] as ExportedRow).task_id;
  }
}

const PLACES = {
  workflow: placeOf('task', 'named_task_id'),
  state: placeOf('task', 'state'),
  identity: placeOf('task', 'identity_hash'),
  tags: placeOf('task', 'tags'),
  requestedAt: placeOf('task', 'requested_at'),
  completedAt: placeOf('task', 'completed_at'),
  identityHash: placeOf('identity', 'identity_hash'),
  generation: placeOf('identity', 'generation'),
  step: placeOf('step', 'named_step_id'),
  changedAt: placeOf('task_transition', 'created_at'),
} as const;

function exportedTask(task: ExportedRow, found: Readonly<Record<ArchivedKind, Rows>>): ExportedTask {
  const lines: string[] = [];
  const take = (kind: ArchivedKind): string[][] =>
    found[kind].of(task.task_id).map((row) => {
      const fields = fieldsOf(row.columns);
      lines.push(lineOf(kind, fields));
      return fields;
    });
  // Lines come in this order.
  const [own = []] = take('task');
  const [identity] = take('identity');
  take('imported');
  const stepRows = found.step.of(task.task_id);
  const steps = stepRows.map((row) => fieldsOf(row.columns));
  for (const fields of steps) lines.push(lineOf('step', fields));
  const edges = take('edge');
  const stepHistory = take('step_transition');
  const taskHistory = take('task_transition');
  const field = (place: number): string => own[place] as string;
  const tags = tagsOf(field(PLACES.tags));
  return {
    entry: {
      task_id: task.task_id,
      workflow: Number(field(PLACES.workflow)),
      state: JSON.parse(field(PLACES.state)) as string,
      identity: JSON.parse(identity?.[PLACES.identityHash] ?? field(PLACES.identity)) as string,
      ...(identity === undefined ? {} : { generation: Number(identity[PLACES.generation]) }),
      ...(tags.length === 0 ? {} : { tags }),
      requested_at: isoTime(field(PLACES.requestedAt)),
      ended_at: isoTime(field(PLACES.completedAt) || (latestOf(taskHistory) ?? field(PLACES.requestedAt))),
      steps: steps.length,
      edges: edges.length,
      transitions: stepHistory.length + taskHistory.length,
    },
    lines: lines.join('\n'),
    namedStepIds: steps.map((fields) => Number(fields[PLACES.step])),
    version: versionOf(task, stepRows),
  };
}

/** Times of one form: the order of their texts is theirs. */
function latestOf(history: readonly (readonly string[])[]): string | undefined {
  const times = history.map((fields) => fields[PLACES.changedAt] as string);
  return times.reduce<string | undefined>(
    (latest, time) => (latest === undefined || isoTime(time) > isoTime(latest) ? time : latest),
    undefined,
  );
}

function tagsOf(text: string): string[] {
  if (text === '') return [];
  const tags: unknown = JSON.parse(text);
  return Array.isArray(tags) ? (tags as string[]) : [];
}
