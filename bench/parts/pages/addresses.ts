import { type Drawn, FILTERS } from '../lists/filters.ts';
import { NEW_WORKFLOW, RARE_WORKFLOW, workflowName } from '../lists/history.ts';

/** What is asked for. `listed`: it has pages. */
export interface Address {
  path(drawn: Drawn, taskId: string): string;
  listed?: true;
  /** In a round, with another task each. */
  times?: number;
}

const at = (path: string): Address => ({ path: () => path });
const list = (path: string): Address => ({ path: () => path, listed: true });
const searched = (q: string): Address => list(`/v1/tasks?limit=50&q=${encodeURIComponent(q)}`);
const ago = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString();

/** The names that filters have in an address. */
const PARAMETERS: Readonly<Record<string, string>> = {
  states: 'state',
  tags: 'tag',
  requestedSince: 'requested_since',
  requestedBefore: 'requested_before',
};

/** What a request asks for by a search: `{"customer":7}` is `input.customer:7`. */
const termOf = (json: string): string =>
  Object.entries(JSON.parse(json) as object)
    .map(([field, value]) => `input.${field}:${JSON.stringify(value)}`)
    .join(' ');

/** The filters of `tasker tasks`, as requests. */
const TASKS: Readonly<Record<string, Address>> = Object.fromEntries(
  Object.entries(FILTERS).map(([name, { of }]) => [
    `tasks: ${name}`,
    {
      listed: true,
      path(drawn) {
        const query = new URLSearchParams({ limit: '50' });
        for (const [filter, value] of Object.entries(of(drawn)))
          if (filter === 'inputHas') query.set('q', termOf(String(value)));
          else query.set(PARAMETERS[filter] ?? filter, value instanceof Date ? value.toISOString() : String(value));
        return `/v1/tasks?${query}`;
      },
    } satisfies Address,
  ]),
);

/** Every list and every figure of the API, and the filters that only it has. */
export const ADDRESSES: Readonly<Record<string, Address>> = {
  ...TASKS,
  'tasks: a queue': list('/v1/tasks?limit=50&queue=default'),
  'tasks: a queue and error': list('/v1/tasks?limit=50&queue=default&state=error'),
  'tasks: a version': list(`/v1/tasks?limit=50&namespace=lists&workflow=${workflowName(2)}&version=1.0.0`),
  'tasks: a source': list('/v1/tasks?limit=50&source_system=shop'),
  'tasks: a source that is none': list('/v1/tasks?limit=50&source_system=nobody'),
  'tasks: ended in the last day': list(`/v1/tasks?limit=50&ended_since=${ago(24)}`),
  'tasks: ended before half a year': list(`/v1/tasks?limit=50&ended_before=${ago(24 * 180)}`),
  'tasks: failures of one cause': list('/v1/tasks?limit=50&fingerprint=cfcd208495d5'),
  'tasks: 200 in a page': list('/v1/tasks?limit=200'),
  'search: state and workflow': searched(`state:error workflow:lists/${workflowName(1)}`),
  'search: a day old, tried again': searched('age:>1d attempts:>=1 state:error'),
  'search: a field of the input': searched('input.customer:123456'),
  'search: a field of the input, of a new workflow': searched(`workflow:lists/${NEW_WORKFLOW} input.order:"order-17"`),
  'search: in progress, of a workflow': searched('state:in_progress workflow:bench/diamond'),
  failures: at('/v1/failures?limit=100'),
  'failures of a usual workflow': at(`/v1/failures?limit=100&workflow=lists/${workflowName(1)}`),
  'failures of a workflow with one task in 20,000': at(`/v1/failures?limit=100&workflow=lists/${RARE_WORKFLOW}`),
  overview: at('/v1/overview'),
  operations: list('/v1/operations?limit=50'),
  'the tasks of an operation': list('/v1/operations/1/items?limit=50'),
  audit: list('/v1/audit?limit=100'),
  'audit: by somebody': list('/v1/audit?limit=100&by=user-7'),
  workflows: at('/v1/workflows'),
  'a workflow': at(`/v1/workflows/lists/${workflowName(1)}`),
  coverage: at('/v1/coverage'),
  queues: at('/v1/queues?all=true'),
  'a queue': at('/v1/queues/default'),
  pauses: at('/v1/pauses'),
  workers: at('/v1/workers'),
  schedules: at('/v1/schedules?runs=3'),
  stats: at('/v1/stats?steps=true'),
  holds: list('/v1/holds'),
  retention: at('/v1/retention'),
  'a task': { path: (_drawn, id) => `/v1/tasks/${id}` },
  'the states of a task': { path: (_drawn, id) => `/v1/tasks/${id}/states` },
  'the history of a task': { path: (_drawn, id) => `/v1/tasks/${id}/history`, listed: true },
};

/** Of a task that is blocked, beside a hundred thousand others. */
export const BLOCKED: Readonly<Record<string, Address>> = {
  'why a task is blocked': { path: (_drawn, id) => `/v1/tasks/${id}/explain`, times: 5 },
};

/** Of a task that waits for its turn, beside a million others. */
export const READY: Readonly<Record<string, Address>> = {
  'why a task does not run': { path: (_drawn, id) => `/v1/tasks/${id}/explain`, times: 5 },
  'why its first step does not run': { path: (_drawn, id) => `/v1/tasks/${id}/steps/a/explain`, times: 5 },
  'why its last step does not run': { path: (_drawn, id) => `/v1/tasks/${id}/steps/d/explain`, times: 5 },
};
