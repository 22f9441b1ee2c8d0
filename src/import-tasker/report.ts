import { iso } from './history.ts';
import type { MappedTask, Mapping, Reason } from './mapped-task.ts';
import { REASONS } from './mapped-task.ts';

/** What an import found and did. Its JSON form is what `--json` prints. */
export interface ImportReport {
  source: string;
  release: string;
  /** `dry_run`: nothing was written. */
  mode: 'dry_run' | 'import' | 'verify' | 'undo';
  warnings: string[];
  /** Tasks that are here now and were not before; of a dry run: that would be. */
  imported: number;
  /** Tasks that earlier runs imported. */
  already_imported: number;
  workflows: WorkflowReport[];
  names: { kind: 'workflow' | 'step'; from: string; to: string }[];
  /** Tasks that were left out, by reason. */
  left: LeftOut[];
  /** Steps that a dry run compared with the view or function of Tasker. */
  compared_steps: number;
  /** How often something was changed on the way. */
  notes: Record<string, number>;
  /** Of verification and undo: tasks and what is wrong with them. */
  differences: { source_task_id: string; task_id: string; difference: string }[];
  seconds: number;
}

/** Tasks that were left out for one reason. */
export interface LeftOut {
  reason: Reason;
  tasks: number;
  /** Ids in Tasker of the first of them. */
  first: string[];
  /** By the id of each of the first: what exactly is wrong with it, if the reason does not say so. */
  details: Record<string, string>;
  fix: string;
}

export interface WorkflowReport {
  workflow: string;
  version: string;
  from: string;
  /** Tasks that had ended in Tasker. */
  ended: number;
  /** Tasks that had not, whatever becomes of them here. */
  open: number;
  ready_steps: number;
  retrying_steps: number;
  blocked_steps: number;
  newest: string | null;
}

const NAMED = 5;

/** Counts while an import runs. */
export class Tally {
  imported = 0;
  alreadyImported = 0;
  comparedSteps = 0;
  readonly #workflows = new Map<string, WorkflowReport>();
  readonly #left = new Map<Reason, Pick<LeftOut, 'tasks' | 'first' | 'details'>>();
  readonly #notes = new Map<string, number>();
  readonly differences: ImportReport['differences'] = [];

  addTask(task: MappedTask, workflow: { workflow: string; version: string; from: string }): void {
    this.imported += 1;
    const key = `${workflow.workflow} ${workflow.version}`;
    const row = this.#workflows.get(key) ?? {
      ...workflow,
      ended: 0,
      open: 0,
      ready_steps: 0,
      retrying_steps: 0,
      blocked_steps: 0,
      newest: null,
    };
    this.#workflows.set(key, row);
    row[task.phase] += 1;
    row.ready_steps += task.steps.filter((step) => step.isReady).length;
    row.retrying_steps += task.steps.filter((step) => step.nextRetryAt !== null).length;
    row.blocked_steps += task.steps.filter((step) => step.blockedAt !== null).length;
    if (task.requestedAt !== null && (row.newest === null || iso(task.requestedAt) > row.newest))
      row.newest = iso(task.requestedAt);
    for (const note of task.notes) this.#notes.set(note, (this.#notes.get(note) ?? 0) + 1);
  }

  addLeft({ sourceId, left, detail }: Exclude<Mapping, { task: unknown }>): void {
    const row = this.#left.get(left) ?? { tasks: 0, first: [], details: {} };
    row.tasks += 1;
    if (row.first.length < NAMED) {
      row.first.push(sourceId);
      if (detail !== undefined) row.details[sourceId] = detail;
    }
    this.#left.set(left, row);
  }

  counts(): Pick<
    ImportReport,
    'imported' | 'already_imported' | 'workflows' | 'left' | 'compared_steps' | 'notes' | 'differences'
  > {
    return {
      imported: this.imported,
      already_imported: this.alreadyImported,
      compared_steps: this.comparedSteps,
      workflows: [...this.#workflows.values()].toSorted((a, b) =>
        `${a.workflow} ${a.version}` < `${b.workflow} ${b.version}` ? -1 : 1,
      ),
      left: [...this.#left].map(([reason, row]) => ({ reason, ...row, fix: REASONS[reason] })),
      notes: Object.fromEntries(this.#notes),
      differences: this.differences,
    };
  }
}
