import type { Route } from '../route.ts';
import { cancelTask, releaseStep, resolveStep, resolveTask } from './acts.ts';
import { rerunTask, retryStep, retryTask } from './again.ts';
import { findArchived, getArchived, restoreArchived } from './archive.ts';
import { listArchiveObjects, mendArchive, verifyArchive } from './archive-objects.ts';
import { listAudit, listAuditChain, verifyAudit } from './audit.ts';
import { explainStep, explainTask } from './explain.ts';
import { listFailures } from './failures.ts';
import { getConnections } from './connections.ts';
import { getCriticalPath, getRecord } from './critical-path.ts';
import { watchEvents } from './events.ts';
import { getDoctor, listCoverage } from './fleet.ts';
import { getLive, getReady } from './health.ts';
import { getHistory } from './history.ts';
import { endHold, listHolds, setHold } from './holds.ts';
import { disableSearch, enableSearch, listSearchPaths } from './search-paths.ts';
import { getLayout } from './layout.ts';
import { getMe, listKeys, makeKey, revokeKey } from './keys.ts';
import { endSignIn, listSignIns } from './sign-ins.ts';
import { getStep, listAttempts } from './one-step.ts';
import { getTask, listSteps } from './one-task.ts';
import { createOperation, getOperation, listOperationItems, listOperations } from './operations.ts';
import { listPauses, pauseQueue, pauseWorkflow, resumeQueue, resumeWorkflow } from './pauses.ts';
import { getOverview } from './overview.ts';
import { getPayload } from './payloads.ts';
import { purgeTasks } from './purge.ts';
import { getRetention } from './retention.ts';
import { putSchedule } from './put-schedule.ts';
import { getQueue, listQueues } from './queues.ts';
import {
  getSchedule,
  listSchedules,
  pauseSchedule,
  removeSchedule,
  resumeSchedule,
  triggerSchedule,
} from './schedules.ts';
import { getStates } from './states.ts';
import { getStats } from './stats.ts';
import { abortOperation, pauseOperation, resumeOperation, startOperation } from './steer-operations.ts';
import { submitTask, submitTasks } from './submit.ts';
import { listTasks } from './task-list.ts';
import { getTaskText } from './task-text.ts';
import { getWorker, listWorkers } from './workers.ts';
import { getWorkflowVersion } from './workflow-version.ts';
import { getWorkflow, listWorkflows } from './workflows.ts';

/** Every route of the API, once: the server, the document, the table of roles, the reference page and the tests are made of them. */
export const ROUTES: readonly Route[] = [
  listTasks,
  submitTask,
  submitTasks,
  getTask,
  listSteps,
  getStates,
  getTaskText,
  getStep,
  listAttempts,
  explainTask,
  explainStep,
  getHistory,
  getPayload,
  getCriticalPath,
  getRecord,
  cancelTask,
  retryTask,
  rerunTask,
  resolveTask,
  retryStep,
  resolveStep,
  releaseStep,
  listFailures,
  listOperations,
  createOperation,
  getOperation,
  listOperationItems,
  startOperation,
  pauseOperation,
  resumeOperation,
  abortOperation,
  listWorkflows,
  getWorkflow,
  getWorkflowVersion,
  getLayout,
  listCoverage,
  pauseWorkflow,
  resumeWorkflow,
  listQueues,
  getQueue,
  pauseQueue,
  resumeQueue,
  listPauses,
  listWorkers,
  getWorker,
  getOverview,
  watchEvents,
  getStats,
  listSchedules,
  getSchedule,
  putSchedule,
  pauseSchedule,
  resumeSchedule,
  triggerSchedule,
  removeSchedule,
  listHolds,
  listSearchPaths,
  enableSearch,
  disableSearch,
  setHold,
  endHold,
  getRetention,
  purgeTasks,
  findArchived,
  getArchived,
  restoreArchived,
  listArchiveObjects,
  verifyArchive,
  mendArchive,
  getDoctor,
  getConnections,
  listAudit,
  listAuditChain,
  verifyAudit,
  getMe,
  listKeys,
  makeKey,
  revokeKey,
  listSignIns,
  endSignIn,
  getLive,
  getReady,
];
