import type { Database } from '../../db/connections/database.ts';
import { findExplainedTask, readOneSnapshot } from '../../db/reads/explain/task.ts';
import { listStepTimelines } from '../../db/reads/step-timelines.ts';
import { findTaskInput, listHistoryPage } from '../../db/reads/task-documents.ts';
import { listStepDocuments } from '../../db/reads/task-record.ts';
import { VERSION } from '../../version.ts';
import { isFinal } from '../../workflow/states.ts';
import { criticalPath } from '../critical-path/critical-path.ts';
import { explainIn } from '../explain/explain.ts';
import { readTask } from '../task.ts';
import { composeRecord, type TaskRecord } from './record.ts';

/** A longer document has its length only. */
const MOST_BYTES = 65_536;
const MOST_BYTES_IN_ALL = 4_194_304;
const MOST_TRANSITIONS = 20_000;

/** Everything about one run, of one moment. Undefined: there is no such task. Reads by the keys of the task, in one snapshot, and locks nothing. */
export async function readRecord(db: Database, taskId: string, payloads: boolean): Promise<TaskRecord | undefined> {
  return db.transaction(async (tx) => {
    await tx.run(readOneSnapshot);
    const [head] = await tx.run(findExplainedTask, { task_id: taskId, namespaces: undefined });
    const task = await readTask(tx, taskId);
    if (head === undefined || task === undefined) return undefined;
    const [input] = await tx.run(findTaskInput, { task_id: taskId, most_bytes: MOST_BYTES_IN_ALL });
    const documents = await tx.run(listStepDocuments, {
      task_id: taskId,
      most_bytes: MOST_BYTES,
      most_in_all: MOST_BYTES_IN_ALL,
    });
    const history = await tx.run(listHistoryPage, {
      task_id: taskId,
      after_at: undefined,
      after_step: undefined,
      after_key: undefined,
      limit: MOST_TRANSITIONS + 1,
    });
    const now = head.now.getTime() - head.requested_at.getTime();
    const steps = await tx.run(listStepTimelines, { task_id: taskId });
    return composeRecord(
      {
        madeAt: head.now,
        madeBy: `tasker-fleet ${VERSION}`,
        task,
        input: { json: input?.json ?? 'null', bytes: input?.bytes ?? 4 },
        documents,
        history: history.slice(0, MOST_TRANSITIONS),
        historyComplete: history.length <= MOST_TRANSITIONS,
        criticalPath: criticalPath({ state: head.state, now }, steps),
        explanation: isFinal(head.state) ? undefined : await explainIn(tx, taskId, undefined, { messages: payloads }),
      },
      payloads,
    );
  });
}
