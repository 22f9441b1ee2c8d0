import type { SearchedWorkflow } from '../../client/search-paths.ts';
import type { OperatorAction } from '../../engine/operator-action.ts';
import { DEFAULT_NAMESPACE } from '../../workflow/build-definition.ts';
import { outcomeOf } from './acts.ts';
import type { Client } from '../../client/client.ts';
import type { RegisteredWorkflow } from '../../client/insight-client.ts';
import { workflowReference } from '../../client/workflow-reference.ts';
import type { WorkflowDetailsRow } from '../../db/reads/workflow-details.ts';
import type { SearchProgressRow } from '../../db/reads/search-paths.ts';
import { InvalidInputError } from '../../errors.ts';
import type { ApiClient } from '../../http/api-client.ts';
import { ApiError } from '../../http/error.ts';
import type { StepDetails, TaskDetails as RemoteTask } from '../../http/operations.ts';
import type { TaskPath } from '../../reads/critical-path/read-critical-path.ts';
import type { Explanation } from '../../reads/explain/explanation.ts';
import type { TaskDetails } from '../../reads/task.ts';
import type { WorkerDetails } from '../../reads/workers.ts';
import { chooseDetails } from '../../reads/workflow-details.ts';
import { orNotFound, present, rowOf } from './rows.ts';

/** Requests at the same time, for the results of steps. */
const AT_ONCE = 8;
const HIDDEN = '(a message that needs payload:read)';

type Reads = Pick<
  Client,
  | 'getTask'
  | 'waitForTask'
  | 'explain'
  | 'criticalPath'
  | 'worker'
  | 'workers'
  | 'liveSchedulers'
  | 'queues'
  | 'everyQueue'
  | 'workflow'
  | 'workflows'
> &
  Pick<Client, 'failures' | 'pauses' | 'retention' | 'stats'> & {
    reports: Pick<Client['reports'], 'lastSource'>;
  };

/** A task with the results of its steps, for whoever may read them: a request for each step that has one. */
export async function remoteTask(api: ApiClient, taskId: string): Promise<TaskDetails | undefined> {
  const found = await orNotFound(api.get('/v1/tasks/{task_id}', { params: { task_id: taskId } }), undefined);
  return found === undefined ? undefined : taskOf(found, await resultsOf(api, found));
}

export function remoteReads(api: ApiClient): Reads {
  return {
    reports: { lastSource: {} } as Reads['reports'],
    async getTask(taskId) {
      const found = await orNotFound(api.get('/v1/tasks/{task_id}', { params: { task_id: taskId } }), undefined);
      return found === undefined ? undefined : taskOf(found);
    },
    async waitForTask(taskId, { timeoutMs, signal } = {}) {
      const task = await api.waitForTask(taskId, {
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(signal === undefined ? {} : { signal }),
      });
      return taskOf(task, await resultsOf(api, task));
    },
    async explain(taskId, step) {
      const found =
        step === undefined
          ? api.get('/v1/tasks/{task_id}/explain', { params: { task_id: taskId } })
          : api.get('/v1/tasks/{task_id}/steps/{step}/explain', { params: { task_id: taskId, step } });
      const explanation = await orNotFound(found, undefined);
      return explanation === undefined ? undefined : rowOf<Explanation>(explanation);
    },
    async criticalPath(taskId) {
      const found = api.get('/v1/tasks/{task_id}/critical-path', { params: { task_id: taskId } });
      const path = await orNotFound(found, undefined);
      return path === undefined ? undefined : rowOf<TaskPath>(path);
    },
    async workers({ stopped = false } = {}) {
      return (await api.get('/v1/workers', { query: { stopped } })).items.map((row) => rowOf(row));
    },
    async worker(workerId) {
      if (!/^\d{1,18}$/.test(workerId))
        throw new InvalidInputError(`the id of the process is ${JSON.stringify(workerId)}: use its digits`, {
          field: 'id',
        });
      const found = api.get('/v1/workers/{worker_id}', { params: { worker_id: workerId } });
      const worker = await orNotFound(found, undefined);
      return worker === undefined
        ? undefined
        : rowOf<WorkerDetails>({ ...worker, steps: worker.steps.map((step) => rowOf(step)) });
    },
    async liveSchedulers() {
      try {
        return (await api.get('/v1/overview')).schedulers;
      } catch (error) {
        // Somebody who may see some namespaces only: whether a scheduler lives is for others to see to.
        if (error instanceof ApiError && error.code === 'FORBIDDEN') return 1;
        throw error;
      }
    },
    queues: async () => (await api.get('/v1/queues')).items,
    everyQueue: async () =>
      (await api.get('/v1/queues', { query: { all: true } })).items.map((row) => ({
        ...row,
        scaling: row.scaling ?? null,
        times: row.times ?? null,
      })),
    async workflow(name) {
      const { namespace, ...reference } = workflowReference('name', name);
      const { items } = await api.get('/v1/workflows');
      const named = items.filter((row) => row.workflow === reference.name);
      const namespaces = new Set(named.map((row) => row.namespace).filter((each) => each === (namespace ?? each)));
      const rows: WorkflowDetailsRow[] = [];
      for (const each of namespaces) {
        const params = { namespace: each, workflow: reference.name };
        const found = await orNotFound(api.get('/v1/workflows/{namespace}/{workflow}', { params }), { items: [] });
        rows.push(...found.items.map(({ served: _served, ...row }) => ({ ...params, ...row }) as never));
      }
      const chosen = chooseDetails(rows, reference);
      if (chosen === undefined) return undefined;
      const { namespace: of, workflow, version } = chosen;
      const { keep } = await api.get('/v1/workflows/{namespace}/{workflow}/{version}', {
        params: { namespace: of, workflow, version },
      });
      return { ...chosen, keep } as RegisteredWorkflow;
    },
    workflows: async () => {
      const { items, as_of: asOf } = await api.get('/v1/workflows');
      return { workflows: items as never, asOf: new Date(asOf) };
    },
    async failures({ limit = 100, namespace, workflow, version } = {}) {
      const { items, complete } = await api.get('/v1/failures', {
        query: present({ limit: Math.min(limit, 200), namespace, workflow, version }),
      });
      return { groups: items.map((row) => rowOf(row)), complete } as never;
    },
    pauses: async () => (await api.get('/v1/pauses')).items.map((row) => rowOf(row)),
    async retention() {
      const { keep_set_at: at, lag_seconds: lagSeconds, ...report } = await api.get('/v1/retention');
      return { ...report, keepSetAt: at === null ? null : new Date(at), lagSeconds } as never;
    },
    async stats({ since, namespace, workflow, steps } = {}) {
      const query = { since: since?.toISOString(), namespace, workflow, steps };
      const found = await api.get('/v1/stats', { query });
      const until = found.counted_until;
      return {
        since: new Date(found.since),
        countedUntil: until === null ? null : new Date(until),
        rows: found.items,
      } as never;
    },
  };
}

/** As a client reads it, but for what the API does not return: `identity_hash`, stacks, and results unless they are given. */
function taskOf(
  { input, counts: _counts, steps, ...task }: RemoteTask,
  results?: ReadonlyMap<string, unknown>,
): TaskDetails {
  const rows = steps.map(({ last_error: error, ...step }) => ({
    ...rowOf(step),
    ...(results === undefined ? {} : { results: results.get(step.name) ?? null }),
    last_error: error === null ? null : { ...error, message: error.message ?? HIDDEN },
  }));
  return { ...rowOf<TaskDetails>(task), context: input?.value ?? null, steps: rows as never };
}

const DONE = new Set(['complete', 'resolved_manually']);

async function resultsOf(api: ApiClient, { task_id: id, steps }: RemoteTask): Promise<Map<string, unknown>> {
  const names = steps.filter(({ state }) => DONE.has(state)).map(({ name }) => name);
  const results = new Map<string, unknown>();
  const next = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const { result }: StepDetails = await api.get('/v1/tasks/{task_id}/steps/{step}', {
        params: { task_id: id, step: name },
      });
      if (result === null) continue;
      const document = { task_id: id, document: `${name}.result` };
      // Long ones are read by themselves.
      results.set(
        name,
        'value' in result
          ? result.value
          : await api.get('/v1/tasks/{task_id}/payloads/{document}', { params: document }),
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  return results;
}

export const remoteSearch = (api: ApiClient): Pick<Client['search'], 'list' | 'enable' | 'disable'> => ({
  enable: (of, path, action = {}) =>
    searchOutcome(api.post('/v1/workflows/{namespace}/{workflow}:search', searched(of, path, action))),
  disable: (of, path, action = {}) =>
    searchOutcome(api.post('/v1/workflows/{namespace}/{workflow}:unsearch', searched(of, path, action))),
  list: async () => (await api.get('/v1/search-paths')).items.map((row) => rowOf<SearchProgressRow>(row)),
});

const searched = (
  { namespace = DEFAULT_NAMESPACE, workflow }: SearchedWorkflow,
  path: string,
  { reason, dryRun }: OperatorAction,
) => ({ params: { namespace, workflow }, body: { path, ...present({ reason, dry_run: dryRun }) } });

/** Nothing becomes ready by it. */
async function searchOutcome<Outcome>(work: Promise<object>): Promise<Outcome> {
  const { queues: _queues, ...outcome } = await outcomeOf<{ queues?: unknown }>(work);
  return outcome as Outcome;
}
