import type { Explanation } from '../reads/explain/explanation.ts';
import { readFailures, type Failures } from '../reads/failures.ts';
import { readWorkflowDetails, type WorkflowDetails } from '../reads/workflow-details.ts';
import { checkedId, checkedText, checkedWhole } from './checked.ts';
import { RetentionClient } from './retention-client.ts';
import { workflowReference } from './workflow-reference.ts';

const MOST_GROUPS = 1000;

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
   * What fails now, by cause: groups of the steps that are blocked or wait for a retry, the largest first. Costs a look-up for each of at
   * most 20,000 steps, whatever the history is.
   */
  async failures(options: { limit?: number } = {}): Promise<Failures> {
    return readFailures(this.db, checkedWhole('limit', options.limit ?? 100, 1, MOST_GROUPS, ' groups'));
  }

  /**
   * A workflow as it is registered, with the JSON Schema of its input: `[namespace/]name[@version]`, the newest version by default.
   * Undefined if there is none. Throws InvalidInputError if the name is in several namespaces and none is given.
   */
  async workflow(name: string): Promise<WorkflowDetails | undefined> {
    return readWorkflowDetails(this.db, workflowReference('name', name));
  }
}
