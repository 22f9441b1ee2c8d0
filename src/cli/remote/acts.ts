import type { Client } from '../../client/client.ts';
import { InvalidInputError } from '../../errors.ts';
import { ApiError } from '../../http/error.ts';
import type { ApiClient } from '../../http/api-client.ts';
import { camelCase, present, orNotFound, rowOf } from './rows.ts';

type Acts = Pick<
  Client,
  'submit' | 'cancel' | 'retry' | 'rerun' | 'resolveStep' | 'resolveTask' | 'releaseStep' | 'pause' | 'resume'
> & {
  holds: Pick<Client['holds'], 'add' | 'list' | 'remove'>;
};

/** An act with the outcome that a client returns: a refusal is one as well. */
export async function outcomeOf<Outcome>(work: Promise<object>): Promise<Outcome> {
  try {
    const { steps, ...done } = camelCase<{ steps?: unknown }>(await work);
    const named = Array.isArray(steps)
      ? steps.map((step: unknown) => (typeof step === 'object' && step !== null ? camelCase(step) : step))
      : steps;
    return { queues: [], ...done, ...(steps === undefined ? {} : { steps: named }) } as Outcome;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const isOutcome = error.problem['outcome'] !== undefined;
    if (error.code === 'NOT_FOUND' && !isOutcome) return { outcome: 'not_found' } as Outcome;
    if (error.code !== 'REFUSED' && error.code !== 'NOT_FOUND') throw error;
    const {
      type: _type,
      title: _title,
      status: _status,
      detail: _detail,
      code: _code,
      request_id: _id,
      allowed_actions: _allowed,
      ...outcome
    } = error.problem;
    return camelCase(outcome) as Outcome;
  }
}

interface Flags {
  reason?: string | undefined;
  dryRun?: boolean | undefined;
}

/** Who acts is whoever the key belongs to. */
const actionOf = ({ reason, dryRun }: Flags) => present({ reason, dry_run: dryRun });

export function remoteActs(api: ApiClient): Acts {
  return {
    // By its names, and checked there.
    async submit({ namespace, name: workflow, version }, input, options = {}) {
      const { key, priority, tags, reason, bypassSteps, reuse, reuseAfterSeconds } = options;
      const body = present({
        namespace,
        version: version === '' ? undefined : version,
        key,
        priority,
        reason,
        reuse,
        tags: tags && [...tags],
        bypass_steps: bypassSteps && [...bypassSteps],
        reuse_after_seconds: reuseAfterSeconds,
      });
      return camelCase(await api.post('/v1/tasks', { body: { ...body, workflow, input } }));
    },
    cancel: (taskId, action = {}) =>
      outcomeOf(api.post('/v1/tasks/{task_id}:cancel', { params: { task_id: taskId }, body: actionOf(action) })),
    retry: (taskId, { steps, attempts, input, ...action } = {}) =>
      outcomeOf(
        api.post('/v1/tasks/{task_id}:retry', {
          params: { task_id: taskId },
          body: { ...actionOf(action), ...present({ steps: steps && [...steps], attempts, input }) },
        }),
      ),
    rerun: (taskId, { from, input, ...action } = {}) =>
      outcomeOf(
        api.post('/v1/tasks/{task_id}:rerun', {
          params: { task_id: taskId },
          body: { ...actionOf(action), ...present({ from: from && [...from], input }) },
        }),
      ),
    resolveStep: (taskId, step, { result = null, ...action } = {}) =>
      outcomeOf(
        api.post('/v1/tasks/{task_id}/steps/{step}:resolve', {
          params: { task_id: taskId, step },
          body: { ...actionOf(action), result },
        }),
      ),
    resolveTask: (taskId, action = {}) =>
      outcomeOf(api.post('/v1/tasks/{task_id}:resolve', { params: { task_id: taskId }, body: actionOf(action) })),
    releaseStep: (taskId, step, { force, ...action } = {}) =>
      outcomeOf(
        api.post('/v1/tasks/{task_id}/steps/{step}:release', {
          params: { task_id: taskId, step },
          body: { ...actionOf(action), ...present({ force }) },
        }),
      ),
    async pause(what, { until, forSeconds, ...action } = {}) {
      const seconds = until === undefined ? forSeconds : (until.getTime() - Date.now()) / 1000;
      const body = { ...actionOf(action), ...present({ for_seconds: seconds }) };
      const done = await outcomeOf<{ until?: string | null }>(
        'queue' in what
          ? api.post('/v1/queues/{queue}:pause', { params: what, body })
          : api.post('/v1/workflows/{namespace}/{workflow}:pause', { params: workflowOf(what.workflow), body }),
      );
      return rowOf(done);
    },
    resume: (what, action = {}) =>
      outcomeOf(
        'queue' in what
          ? api.post('/v1/queues/{queue}:resume', { params: what, body: actionOf(action) })
          : api.post('/v1/workflows/{namespace}/{workflow}:resume', {
              params: workflowOf(what.workflow),
              body: actionOf(action),
            }),
      ),
    holds: {
      async add({ reason, ...subject }) {
        const body = 'tag' in subject ? { tag: subject.tag, reason } : { task_id: subject.taskId, reason };
        const hold = await orNotFound(api.post('/v1/holds', { body }), undefined);
        return hold === undefined ? undefined : holdOf(hold);
      },
      list: async () => (await api.get('/v1/holds')).items.map(holdOf),
      async remove(holdId, { reason } = {}) {
        const hold = await orNotFound(
          api.delete('/v1/holds/{hold_id}', { params: { hold_id: holdId }, query: present({ reason }) }),
          undefined,
        );
        return hold === undefined ? undefined : holdOf(hold);
      },
    },
  };
}

const holdOf = (hold: object) => rowOf<never>(present(camelCase<object>(hold)));

function workflowOf(reference: string): { namespace: string; workflow: string } {
  const [first = '', second, ...more] = reference.split('/');
  if (more.length > 0)
    throw new InvalidInputError(`workflow ${reference}: write namespace/name`, { field: 'workflow' });
  return second === undefined ? { namespace: 'default', workflow: first } : { namespace: first, workflow: second };
}
