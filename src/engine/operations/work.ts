import { isAboutValue, isUnavailable } from '../../db/connections/sql-errors.ts';
import type { Database, Executor } from '../../db/connections/database.ts';
import { deleteItems, endItems, findItemTasks, nextItems } from '../../db/statements/operations/items.ts';
import {
  advanceOperation,
  findRunningOperations,
  type HeldOperation,
  holdOperation,
  type OperationAction,
  pruneOperation,
} from '../../db/statements/operations/operations.ts';
import { TaskerError } from '../../errors.ts';
import { writeAudit } from '../audit.ts';
import { actOnItem, auditItem, type EndedItem } from './act-on-item.ts';
import { authorise } from './authorise.ts';
import { HeldTasks } from './held-tasks.ts';
import { watch } from './watch.ts';
import { canaryLeft, decide, type Decision, type Step, stop } from './decide.ts';

/** What one round has done. */
export interface Worked {
  /** Items that have ended, by action and state. */
  ended: { action: OperationAction; state: EndedItem['state']; items: number }[];
  /** Operations that stopped by themselves, and why. */
  stopped: { operationId: string; why: string }[];
  /** Operations of which nothing is left. */
  finished: string[];
  /** Queues in which steps became ready. */
  queues: string[];
  /** There is more to do at once. */
  more: boolean;
}

/**
 * Items of one transaction. It has the locks of their tasks to its end: what runs waits for it if it completes meanwhile. So it ends early on a
 * server that has too much to do.
 */
const CHUNK = 25;
const CHUNK_MS = 150;
/** Nothing is to be found out about items. */
const NOTHING: Omit<Step, 'ended'> = { settled: 0, cameBack: 0, windowCameBack: 0, watchedTo: '0' };
/** An operation that has ended is kept for 90 days; the audit of its acts stays. */
const KEPT_SECONDS = 90 * 86_400;

interface Size {
  items: number;
  /** After this time no further item follows. */
  ms: number;
}

/** One chunk of each operation that runs, and that no other scheduler has. A chunk takes no further task after `chunkMs`. */
export async function workOnOperations(db: Database, chunkMs = CHUNK_MS): Promise<Worked> {
  const worked: Worked = { ended: [], stopped: [], finished: [], queues: [], more: false };
  for (const { operation_id: operationId } of await db.run(findRunningOperations)) {
    await chunkOf(db, operationId, chunkMs, worked);
  }
  return worked;
}

/** Removes an old preview and an operation that ended long ago, with their items. Returns whether there was one. */
export const pruneOperations = (db: Database): Promise<boolean> =>
  db.transaction(async (tx) => {
    const gone = await tx.run(pruneOperation, { kept_seconds: KEPT_SECONDS });
    for (const operation of gone) await tx.run(deleteItems, operation);
    return gone.length > 0;
  });

/** A chunk; if the database refuses what one of its items would write, item by item, so that the others do not wait for it. */
async function chunkOf(db: Database, operationId: string, ms: number, worked: Worked): Promise<void> {
  try {
    await oneChunk(db, operationId, { items: CHUNK, ms }, worked);
  } catch (error) {
    if (!isAboutItem(error)) throw error;
    for (let item = 0; item < CHUNK; item += 1) if (!(await oneItem(db, operationId, worked))) return;
  }
}

/** Whether the same item would be refused for ever. Other errors are about the moment: the next round tries again. */
const isAboutItem = (error: unknown): boolean =>
  isAboutValue(error) || (error instanceof TaskerError && !isUnavailable(error)) || error instanceof TypeError;

async function oneItem(db: Database, operationId: string, worked: Worked): Promise<boolean> {
  const tried: string[] = [];
  try {
    return await oneChunk(db, operationId, { items: 1, ms: CHUNK_MS }, worked, (taskId) => tried.push(taskId));
  } catch (error) {
    const taskId = tried.at(-1);
    if (!isAboutItem(error) || taskId === undefined) throw error;
    return db.transaction((tx) => failItem(tx, operationId, taskId, error));
  }
}

/**
 * Works off a chunk in one transaction, so that each item ends with its act or not at all, whoever dies. Locks in the order of the engine: the operation, then
 * the steps of all tasks of the chunk, then the tasks. Returns whether it did anything.
 */
async function oneChunk(
  db: Database,
  operationId: string,
  size: Size,
  worked: Worked,
  trying: (taskId: string) => void = () => undefined,
): Promise<boolean> {
  const chunk = await db.transaction(async (tx) => {
    const [operation] = await tx.run(holdOperation, { operation_id: operationId });
    if (operation === undefined) return undefined;
    const authority = await authorise(tx, operation);
    const watched = operation.settled === operation.done ? NOTHING : await watch(tx, operation);
    const before: Step = { ...watched, ended: [] };
    if ('why' in authority) return end(tx, operation, before, stop(operation, authority.why));
    const decision = decide(operation, before);
    if (decision.state !== 'running') return end(tx, operation, before, decision);
    const limit = Math.min(size.items, operation.budget, canaryLeft(operation, before));
    const items = limit <= 0 ? [] : await tx.run(nextItems, { operation_id: operationId, limit });
    const { ended, queues } = await actOn(
      tx,
      operation,
      items,
      { ms: size.ms, namespaces: authority.namespaces },
      trying,
    );
    const step: Step = { ...watched, ended };
    // What passed the canary before is not asked again: further items are not settled yet.
    const after = decide({ ...operation, canary_passed: decision.canaryPassed }, step);
    return { ...(await end(tx, operation, step, after)), queues };
  });
  if (chunk === undefined) return false;
  report(chunk, worked);
  return chunk.ended.length > 0;
}

interface Chunk {
  operation: HeldOperation;
  ended: readonly EndedItem[];
  decision: Decision;
  queues: readonly string[];
}

async function actOn(
  tx: Executor,
  operation: HeldOperation,
  items: readonly Parameters<typeof actOnItem>[2][],
  { ms, namespaces }: { ms: number; namespaces: readonly string[] | undefined },
  trying: (taskId: string) => void,
): Promise<{ ended: EndedItem[]; queues: string[] }> {
  if (items.length === 0) return { ended: [], queues: [] };
  const task_ids = items.map(({ task_id }) => task_id);
  const held = await HeldTasks.lock(tx, task_ids);
  const tasks = new Map((await tx.run(findItemTasks, { task_ids, namespaces })).map((task) => [task.task_id, task]));
  const ended: EndedItem[] = [];
  const queues = new Set<string>();
  const began = performance.now();
  for (const item of items) {
    trying(item.task_id);
    const acted = await actOnItem(held, operation, item, tasks.get(item.task_id));
    ended.push(acted.item);
    for (const queue of acted.queues) queues.add(queue);
    if (performance.now() - began > ms) break;
  }
  await held.end();
  await endAll(tx, operation.operation_id, ended);
  return { ended, queues: [...queues] };
}

async function endAll(tx: Executor, operation_id: string, items: readonly EndedItem[]): Promise<void> {
  const rows = await tx.run(endItems, { operation_id, items });
  if (rows.length === items.length) return;
  throw new Error(`operation ${operation_id}: ${items.length - rows.length} items had ended before`);
}

async function end(tx: Executor, operation: HeldOperation, step: Step, decision: Decision): Promise<Chunk> {
  const { operation_id } = operation;
  const chunk: Chunk = { operation, ended: step.ended, decision, queues: [] };
  const isIdle = step.ended.length === 0 && step.settled === 0 && step.watchedTo === operation.watched_to;
  // While it waits for its canary, or for its pace, nothing is written.
  if (isIdle && decision.state === 'running' && decision.canaryPassed === operation.canary_passed) return chunk;
  const inState = (state: EndedItem['state']): number => step.ended.filter((item) => item.state === state).length;
  await tx.run(advanceOperation, {
    operation_id,
    done: inState('done'),
    refused: inState('refused'),
    failed: inState('failed'),
    settled: step.settled,
    came_back: step.cameBack,
    window_came_back: step.windowCameBack,
    watched_to: step.watchedTo,
    canary_passed: decision.canaryPassed,
    state: decision.state,
    why: decision.why,
  });
  if (decision.state === 'stopped') {
    const on = { kind: 'operation', id: operation_id } as const;
    const action = { by: 'scheduler', reason: decision.why };
    await writeAudit(tx, { act: 'operation.stop', on, action }, { outcome: 'stopped' });
  }
  return chunk;
}

/** The item whose act the database refused ends with that, in a transaction of its own. */
async function failItem(tx: Executor, operationId: string, taskId: string, error: unknown): Promise<boolean> {
  const [operation] = await tx.run(holdOperation, { operation_id: operationId });
  if (operation === undefined) return false;
  const detail = error instanceof Error ? error.message : String(error);
  const failed: EndedItem = { task_id: taskId, state: 'failed', outcome: 'error', detail, new_task_id: null };
  await auditItem(tx, operation, taskId, 'error');
  await endAll(tx, operationId, [failed]);
  const step: Step = {
    ended: [failed],
    settled: 0,
    cameBack: 0,
    windowCameBack: 0,
    watchedTo: operation.watched_to,
  };
  await end(tx, operation, step, decide(operation, step));
  return true;
}

function report({ operation, ended, decision, queues }: Chunk, worked: Worked): void {
  for (const state of ['done', 'refused', 'failed'] as const) {
    const items = ended.filter((item) => item.state === state).length;
    if (items > 0) worked.ended.push({ action: operation.action, state, items });
  }
  worked.queues.push(...queues);
  const { operation_id: operationId } = operation;
  if (decision.state === 'stopped') worked.stopped.push({ operationId, why: decision.why ?? '' });
  if (decision.state === 'done') worked.finished.push(operationId);
  worked.more ||= decision.state === 'running' && ended.length > 0;
}
