import type { Client } from '../../client/client.ts';
import type { PreviewedOperation } from '../../client/operations.ts';
import type { NewOperation } from '../../client/new-operation.ts';
import type { OperationItemRow } from '../../db/reads/operations.ts';
import type { OperationRow } from '../../db/statements/operations/operations.ts';
import type { SteerOutcome } from '../../engine/operations/steer.ts';
import { InvalidInputError } from '../../errors.ts';
import type { ApiClient } from '../../http/api-client.ts';
import type { Operation, Operations as Routes } from '../../http/operations.ts';
import { outcomeOf } from './acts.ts';
import { orNotFound, present, rowOf, take } from './rows.ts';

/** The most that the API gives in one page. */
const MOST_AT_ONCE = 200;

type Operations = Pick<
  Client['operations'],
  'preview' | 'start' | 'pause' | 'resume' | 'abort' | 'get' | 'list' | 'items'
>;
type Body = NonNullable<Routes['POST /v1/operations']['body']>;

/** Who acts is whoever the key belongs to. */
export function remoteOperations(api: ApiClient): Operations {
  const steer =
    (verb: 'pause' | 'resume' | 'abort') =>
    (id: string, options: { reason?: string | undefined } = {}) =>
      steered(
        api.post(`/v1/operations/{operation_id}:${verb}`, {
          params: { operation_id: id },
          body: present({ reason: options.reason }),
        }),
      );
  return {
    async preview(request) {
      const found = await orNotFound(api.post('/v1/operations', { body: bodyOf(request) }), undefined);
      if (found === undefined) return undefined;
      const { token, missing, ...operation } = found;
      return { operation: operationOf(operation), token, missing } satisfies PreviewedOperation;
    },
    async start(token, options = {}) {
      const [, id] = /^(\d{1,18})-[0-9a-f]{32}$/.exec(token) ?? [];
      if (id === undefined)
        throw new InvalidInputError(`token is ${JSON.stringify(token)}: use the one that a preview returned`, {
          field: 'token',
        });
      const body = { token, ...present({ reason: options.reason }) };
      return steered(
        api.post('/v1/operations/{operation_id}:start', { params: { operation_id: id }, body }),
        'started',
      );
    },
    pause: steer('pause'),
    resume: steer('resume'),
    abort: steer('abort'),
    async get(id) {
      const found = await orNotFound(
        api.get('/v1/operations/{operation_id}', { params: { operation_id: id } }),
        undefined,
      );
      return found === undefined ? undefined : operationOf(found);
    },
    async list({ states, before, limit = 50 } = {}) {
      const query = {
        limit: Math.min(limit, MOST_AT_ONCE),
        ...present({ before }),
        ...(states === undefined ? {} : { state: [...states] }),
      };
      return take(api.items('GET /v1/operations', { query }), limit, operationOf);
    },
    async items(id, { state, after, limit = 50 } = {}) {
      const options = {
        params: { operation_id: id },
        query: { limit: Math.min(limit, MOST_AT_ONCE), ...present({ state, after }) },
      };
      // Of an operation that is not there the database has no items.
      const items = api.items('GET /v1/operations/{operation_id}/items', options);
      return orNotFound(
        take(items, limit, (row) => rowOf<OperationItemRow>(row)),
        [],
      );
    },
  };
}

/** As a client reads it: what is left and what is allowed are no columns. */
function operationOf({ waiting: _waiting, allowed_actions: _allowed, ...row }: Operation): OperationRow {
  const { result, ...options } = row.options;
  return {
    ...rowOf<OperationRow>(row),
    options: result === undefined ? options : { ...options, result: JSON.stringify(result) },
  };
}

const PAST = { running: 'resumed', paused: 'paused', aborted: 'aborted' } as const;

async function steered(work: Promise<Operation>, outcome?: 'started'): Promise<SteerOutcome> {
  let row: Operation | undefined;
  const refused = await outcomeOf<SteerOutcome>(work.then((done) => ((row = done), {})));
  if (row === undefined) return refused;
  return { outcome: outcome ?? PAST[row.state as keyof typeof PAST], operation: operationOf(row) };
}

function bodyOf(request: NewOperation): Body {
  const { action, filter, taskIds, attempts, step, result, from, pacePerSecond, canary, stopShare, reason } = request;
  return {
    action,
    ...(filter === undefined ? {} : { filter: filterBody(filter) }),
    ...(result === undefined ? {} : { result: result as never }),
    ...(stopShare === undefined ? {} : { stop_share: stopShare }),
    ...present({
      task_ids: taskIds === undefined ? undefined : [...taskIds],
      from: from === undefined ? undefined : [...from],
      pace_per_second: pacePerSecond,
      attempts,
      step,
      canary,
      reason,
    }),
  };
}

/** By the names of the API. `q` is read there. A condition that it does not have would make the operation larger: it is refused. */
function filterBody(filter: NonNullable<NewOperation['filter']> & { q?: string }): NonNullable<Body['filter']> {
  const { states, tags, requestedSince, requestedBefore, endedSince, endedBefore, rerunOf, sourceSystem, ...same } =
    filter;
  const { namespace, workflow, version, key, initiator, schedule, error, fingerprint, queue, q, ...unknown } = same;
  const left = Object.entries(unknown).find(([, value]) => value !== undefined)?.[0];
  if (left !== undefined)
    throw new InvalidInputError(`the HTTP API cannot choose tasks by ${left}: leave --api and TASKER_API_URL out`, {
      field: left,
    });
  return present({
    namespace,
    workflow,
    version,
    key,
    initiator,
    schedule,
    error,
    fingerprint,
    queue,
    q,
    rerun_of: rerunOf,
    source_system: sourceSystem,
    state: states === undefined ? undefined : [...states],
    tag: tags === undefined ? undefined : [...tags],
    requested_since: requestedSince?.toISOString(),
    requested_before: requestedBefore?.toISOString(),
    ended_since: endedSince?.toISOString(),
    ended_before: endedBefore?.toISOString(),
  });
}
