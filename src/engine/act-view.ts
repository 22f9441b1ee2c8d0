/** Names of outcomes of acts in the words of the tables: the API and `--json` of the command line have the same. */
const NAMES: Readonly<Record<string, string>> = {
  taskState: 'task_state',
  stepState: 'step_state',
  taskId: 'task_id',
  taskIds: 'task_ids',
  keepUntil: 'keep_until',
  takenOver: 'taken_over',
  workerId: 'worker_id',
  retryLimit: 'retry_limit',
};

const renamed = (given: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(given)
      // A dry run makes nothing that has an id.
      .filter(([name, value]) => name !== 'taskId' || value !== '')
      .map(([name, value]) => [NAMES[name] ?? name, value]),
  );

/** What came of an act, for whoever is not the engine: without the queues of which workers were notified. */
export function actView(outcome: object): Record<string, unknown> {
  const { queues: _queues, steps, ...rest } = outcome as { queues?: unknown; steps?: unknown };
  if (steps === undefined) return renamed(rest);
  const named = Array.isArray(steps)
    ? steps.map((step: unknown) => (typeof step === 'object' && step !== null ? renamed(step) : step))
    : steps;
  return { ...renamed(rest), steps: named };
}
