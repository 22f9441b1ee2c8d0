import type { WorkerEvents } from '../../src/worker/telemetry/events.ts';

/** Events that nothing records; a test replaces those that it needs. */
export const noEvents: WorkerEvents = {
  claimed: () => undefined,
  started: () => undefined,
  finished: () => undefined,
  batchCompleted: () => undefined,
  taskEnded: () => undefined,
  unresponsive: () => undefined,
  leaseLost: () => undefined,
  workflowRefused: () => undefined,
  workflowServed: () => undefined,
  tasksSetAside: () => undefined,
  joined: () => undefined,
  failed: () => undefined,
};
