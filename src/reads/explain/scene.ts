import type { Executor } from '../../db/connections/database.ts';
import { countSchedulersAt, findHolders, type HolderRow } from '../../db/reads/explain/fleet.ts';
import {
  type ExplainedStepRow,
  type ExplainedTaskRow,
  findExplainedStep,
  findExplainedSteps,
  findOpenSteps,
  listStepNames,
  type OpenStepRow,
} from '../../db/reads/explain/task.ts';
import { isFinal } from '../../workflow/states.ts';

/** A task with its open steps as one snapshot has them, and what of the fleet was read about it: each thing once, when it is first needed. */
export class Scene {
  readonly db: Executor;
  readonly task: ExplainedTaskRow;
  /** Those that are not done, in topological order. */
  readonly open: readonly OpenStepRow[];
  private readonly messages: boolean;
  private parents: ReadonlyMap<string, readonly OpenStepRow[]> | undefined;
  private schedulers: Promise<number> | undefined;
  private holders: Promise<ReadonlyMap<string, HolderRow>> | undefined;

  private constructor(db: Executor, task: ExplainedTaskRow, open: readonly OpenStepRow[], messages: boolean) {
    this.db = db;
    this.task = task;
    this.open = open;
    this.messages = messages;
  }

  /** `messages`: whether those of errors may be shown. */
  static async of(db: Executor, task: ExplainedTaskRow, { messages }: { messages: boolean }): Promise<Scene> {
    return new Scene(db, task, await db.run(findOpenSteps, { task_id: task.task_id }), messages);
  }

  get now(): Date {
    return this.task.now;
  }

  get taskEnded(): boolean {
    return isFinal(this.task.state);
  }

  get workflow(): string {
    const { namespace, workflow, version } = this.task;
    return `${namespace}/${workflow}@${version}`;
  }

  /** The parents of a step that are not done. */
  unmetParentsOf({ step_id: id }: Pick<OpenStepRow, 'step_id'>): readonly OpenStepRow[] {
    this.parents ??= parentsOf(this.open);
    return this.parents.get(id) ?? [];
  }

  /** Of a step that is not done. */
  hasChildren({ step_id: id }: Pick<OpenStepRow, 'step_id'>): boolean {
    return (this.open.find((step) => step.step_id === id)?.children ?? '') !== '';
  }

  /** Everything about some steps, in the order in which they are given. */
  async steps(some: readonly Pick<OpenStepRow, 'step_id'>[]): Promise<ExplainedStepRow[]> {
    if (some.length === 0) return [];
    const ids = some.map(({ step_id: id }) => id);
    const rows = await this.db.run(findExplainedSteps, { task_id: this.task.task_id, step_ids: ids });
    const byId = new Map(rows.map((row) => [row.step_id, this.shown(row)]));
    return ids.flatMap((id) => byId.get(id) ?? []);
  }

  /** Undefined: it has none of this name. */
  async step(name: string): Promise<ExplainedStepRow | undefined> {
    const [row] = await this.db.run(findExplainedStep, { task_id: this.task.task_id, step: name });
    return row === undefined ? undefined : this.shown(row);
  }

  async names(): Promise<string[]> {
    return (await this.db.run(listStepNames, { task_id: this.task.task_id })).map(({ name }) => name);
  }

  liveSchedulers(): Promise<number> {
    return (this.schedulers ??= this.db
      .run(countSchedulersAt, { as_of: this.now })
      .then(([row]) => row?.schedulers ?? 0));
  }

  /** The process that holds a step; undefined: its row is gone. */
  async holderOf(step: ExplainedStepRow): Promise<HolderRow | undefined> {
    const ids = [...new Set(this.open.flatMap(({ claimed_by: id }) => (id === null ? [] : [id])))];
    this.holders ??= this.db
      .run(findHolders, { worker_ids: ids, as_of: this.now })
      .then((rows) => new Map(rows.map((row) => [row.worker_id, row])));
    return (await this.holders).get(step.claimed_by ?? '');
  }

  private shown(row: ExplainedStepRow): ExplainedStepRow {
    return this.messages || row.error === null ? row : { ...row, error: { ...row.error, message: null } };
  }
}

function parentsOf(open: readonly OpenStepRow[]): ReadonlyMap<string, readonly OpenStepRow[]> {
  const parents = new Map<string, OpenStepRow[]>();
  for (const parent of open) {
    if (parent.children === '') continue;
    for (const child of parent.children.split(',')) {
      const known = parents.get(child);
      if (known === undefined) parents.set(child, [parent]);
      else known.push(parent);
    }
  }
  return parents;
}

/** It is not done: its children wait for it. */
export const isOpen = ({ state }: Pick<OpenStepRow, 'state'>): boolean =>
  state !== 'complete' && state !== 'resolved_manually';
