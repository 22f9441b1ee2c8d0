import type { Executor } from '../../db/connections/database.ts';
import { countSchedulersAt, findHolders, type HolderRow } from '../../db/reads/explain/fleet.ts';
import type { ExplainedStepRow, ExplainedTaskRow } from '../../db/reads/explain/task.ts';
import { isFinal } from '../../workflow/states.ts';

/** A task with its steps as one snapshot has them, and what of the fleet was read about it: each thing once, when it is first needed. */
export class Scene {
  readonly db: Executor;
  readonly task: ExplainedTaskRow;
  readonly steps: readonly ExplainedStepRow[];
  private readonly byId: ReadonlyMap<string, ExplainedStepRow>;
  private parents: ReadonlyMap<string, readonly ExplainedStepRow[]> | undefined;
  private schedulers: Promise<number> | undefined;
  private holders: Promise<ReadonlyMap<string, HolderRow>> | undefined;

  constructor(db: Executor, task: ExplainedTaskRow, steps: readonly ExplainedStepRow[]) {
    this.db = db;
    this.task = task;
    this.steps = steps;
    this.byId = new Map(steps.map((step) => [step.step_id, step]));
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

  parentsOf(step: ExplainedStepRow): readonly ExplainedStepRow[] {
    if (this.parents === undefined) {
      const parents = new Map<string, ExplainedStepRow[]>();
      for (const parent of this.steps) {
        for (const child of parent.children) {
          const known = parents.get(child);
          if (known === undefined) parents.set(child, [parent]);
          else known.push(parent);
        }
      }
      this.parents = parents;
    }
    return this.parents.get(step.step_id) ?? [];
  }

  unmetParentsOf(step: ExplainedStepRow): readonly ExplainedStepRow[] {
    return this.parentsOf(step).filter(isOpen);
  }

  step(id: string): ExplainedStepRow | undefined {
    return this.byId.get(id);
  }

  liveSchedulers(): Promise<number> {
    return (this.schedulers ??= this.db
      .run(countSchedulersAt, { as_of: this.now })
      .then(([row]) => row?.schedulers ?? 0));
  }

  /** The process that holds a step; undefined: its row is gone. */
  async holderOf(step: ExplainedStepRow): Promise<HolderRow | undefined> {
    const ids = [...new Set(this.steps.flatMap(({ claimed_by: id }) => (id === null ? [] : [id])))];
    this.holders ??= this.db
      .run(findHolders, { worker_ids: ids, as_of: this.now })
      .then((rows) => new Map(rows.map((row) => [row.worker_id, row])));
    return (await this.holders).get(step.claimed_by ?? '');
  }
}

/** It is not done: its children wait for it. */
export const isOpen = ({ state }: ExplainedStepRow): boolean => state !== 'complete' && state !== 'resolved_manually';
