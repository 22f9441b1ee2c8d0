/** What schedulers do at intervals, but for schedules: see late-chore.ts. */
export { checkRights } from './check-rights.ts';
export { countRuns } from './count-runs.ts';
export { enqueueDueRetries } from './enqueue-due-retries.ts';
export { evaluateScaling } from './evaluate-scaling.ts';
export { extendHistoryAhead } from './extend-history.ts';
export { finalizeTasks } from './finalize-tasks.ts';
export { keepActs } from './keep-acts.ts';
export { pruneOldAudit } from './prune-audit.ts';
export { keepDirectory } from './keep-directory.ts';
export { maintain } from './maintain.ts';
export { measureDatabase, measureQueues } from './measure.ts';
export { mergeOldHistory } from './merge-history.ts';
export { promoteWaiting } from './promote-waiting.ts';
export { recoverDeadWorkers } from './recover-dead-workers.ts';
export { refreshStatistics } from './refresh-statistics.ts';
export { removeDueTasks } from './remove-due-tasks.ts';
export { runOperations } from './run-operations.ts';
export { watchClock } from './watch-clock.ts';
