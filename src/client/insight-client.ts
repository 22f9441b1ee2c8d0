import { readKeepOf, type WorkflowRetention } from '../engine/retention-policy.ts';
import type { TaskPath } from '../reads/critical-path/read-critical-path.ts';
import type { Explanation } from '../reads/explain/explanation.ts';
import { type FailureFilter, readFailures, type Failures } from '../reads/failures.ts';
import type { TaskRecord } from '../reads/record/record.ts';
import { readWorkflowDetails, type WorkflowDetails } from '../reads/workflow-details.ts';
import { checkedText, checkedWhole } from './checked.ts';
import { checkedId } from '../workflow/checked-id.ts';
import { RetentionClient } from './retention-client.ts';
import { namesApart, workflowReference } from './workflow-reference.ts';

const MOST_GROUPS = 1000;

/** A version of a workflow as it is registered, with how long its tasks are kept. */
export interface RegisteredWorkflow extends WorkflowDetails {
  /** By the state in which they end, and what says so; for all versions alike. Null: it was removed meanwhile. */
  keep: WorkflowRetention['keep'] | null;
}

/** Why tasks are where they are, and what the workflows that they are of look like. */
export class InsightClient extends RetentionClient {
  /**
   * Why a task, or one step of it, is not running: one verdict with its reasons in numbers, until when, who acts, and what helps. For a
   * task it is the verdict of the open step that most needs somebody. Undefined if there is no such task. Throws InvalidInputError for a
   * step that the task does not have. The verdicts are listed in docs/reference/explain.md.
   */
  async explain(taskId: string, step?: string): Promise<Explanation | undefined> {
    const id = checkedId(taskId);
    const name = checkedText('step', step);
    // A quarter of what a client would load otherwise, and most programs never call it.
    const { explain } = await import('../reads/explain/explain.ts');
    return explain(this.db, id, name);
  }

  /**
   * Which steps decided how long a task took, or takes: each waited for the one before it. With what they did with the time, and for the other
   * steps how much later they could have ended. Undefined if there is no such task. It reads the steps and the history of that task.
   */
  async criticalPath(taskId: string): Promise<TaskPath | undefined> {
    const id = checkedId(taskId);
    const { readCriticalPath } = await import('../reads/critical-path/read-critical-path.ts');
    return readCriticalPath(this.db, id);
  }

  /**
   * Everything that the database has of one run, of one moment, as one document for a ticket: task, steps, history, critical path, and why it
   * does not go on. With `payloads` also inputs, results and the messages of errors. Undefined if there is no such task.
   */
  async record(taskId: string, options: { payloads?: boolean } = {}): Promise<TaskRecord | undefined> {
    const id = checkedId(taskId);
    const { readRecord } = await import('../reads/record/read-record.ts');
    return readRecord(this.db, id, options.payloads === true);
  }

  /**
   * What fails now, by cause: groups of the steps that are blocked or wait for a retry, the largest first. Costs a look-up for each of at
   * most 20,000 steps, whatever the history is. Those of one workflow are looked for among the newest 40,000.
   */
  async failures(options: { limit?: number } & FailureFilter = {}): Promise<Failures> {
    const { limit = 100, namespace, workflow, version } = namesApart(options);
    return readFailures(this.db, checkedWhole('limit', limit, 1, MOST_GROUPS, ' groups'), {
      namespace: checkedText('namespace', namespace),
      workflow: checkedText('workflow', workflow),
      version: checkedText('version', version),
    });
  }

  /**
   * A workflow as it is registered, with the JSON Schema of its input and how long its tasks are kept: `[namespace/]name[@version]`, the newest
   * version by default. Undefined if there is none. Throws InvalidInputError if the name is in several namespaces and none is given.
   */
  async workflow(name: string): Promise<RegisteredWorkflow | undefined> {
    const found = await readWorkflowDetails(this.db, workflowReference('name', name));
    if (found === undefined) return undefined;
    return { ...found, keep: (await readKeepOf(this.db, found)) ?? null };
  }
}
