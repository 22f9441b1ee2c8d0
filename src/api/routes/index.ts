import type { Route } from '../route.ts';
import { cancelTask, resolveStep, resolveTask, retryTask } from './acts.ts';
import { listAudit } from './audit.ts';
import { listFailures } from './failures.ts';
import { getDoctor, getOverview, listQueues, listWorkers } from './fleet.ts';
import { getLive, getReady } from './health.ts';
import { getHistory } from './history.ts';
import { getMe, listKeys, makeKey, revokeKey } from './keys.ts';
import { getStep, listAttempts } from './one-step.ts';
import { getTask, listSteps } from './one-task.ts';
import { listPauses, pauseQueue, pauseWorkflow, resumeQueue, resumeWorkflow } from './pauses.ts';
import { getPayload } from './payloads.ts';
import { listSchedules, pauseSchedule, removeSchedule, resumeSchedule, triggerSchedule } from './schedules.ts';
import { getStats } from './stats.ts';
import { submitTask, submitTasks } from './submit.ts';
import { listTasks } from './task-list.ts';
import { getWorkflow, listWorkflows } from './workflows.ts';

/** Every route of the API, once: the server, the document, the table of roles, the reference page and the tests are made of them. */
export const ROUTES: readonly Route[] = [
  listTasks,
  submitTask,
  submitTasks,
  getTask,
  listSteps,
  getStep,
  listAttempts,
  getHistory,
  getPayload,
  cancelTask,
  retryTask,
  resolveTask,
  resolveStep,
  listFailures,
  listWorkflows,
  getWorkflow,
  pauseWorkflow,
  resumeWorkflow,
  listQueues,
  pauseQueue,
  resumeQueue,
  listPauses,
  listWorkers,
  getOverview,
  getStats,
  listSchedules,
  pauseSchedule,
  resumeSchedule,
  triggerSchedule,
  removeSchedule,
  getDoctor,
  listAudit,
  getMe,
  listKeys,
  makeKey,
  revokeKey,
  getLive,
  getReady,
];
