import { countSameFailure } from '../../db/reads/explain/queue.ts';
import type { ExplainedStepRow } from '../../db/reads/explain/task.ts';
import { action, type Conclusion, type NextAction, type Reason, reason } from './explanation.ts';
import { count, rounded, seconds, secondsBetween, upTo, word } from './say.ts';
import type { Scene } from './scene.ts';

/** A scheduler makes a due step ready within half a second, or two at most. */
const ENQUEUED_WITHIN_SECONDS = 5;
const MOST_BLOCKED = 1000;

/** What the last attempt failed with. */
function failure({ task, now }: Scene, step: ExplainedStepRow): Reason {
  const { failed_at: failedAt } = step;
  const { name = null, code = null, message = null, fingerprint = null } = step.error ?? {};
  const ago = failedAt === null ? undefined : secondsBetween(failedAt, now);
  const ofCode = code === null ? '' : ` (${code})`;
  const said = message === null ? '' : `: ${message}`;
  const what = name === null ? 'an error that is not recorded' : `${name}${ofCode}${said}`;
  return reason(
    `attempt ${step.attempts} of ${step.retry_limit} failed${ago === undefined ? '' : ` ${seconds(ago)} ago`} with ${what}`,
    {
      attempt: step.attempts,
      retry_limit: step.retry_limit,
      failed_seconds_ago: ago === undefined ? undefined : rounded(ago),
      error_name: name,
      error_code: code,
    },
    {
      task_id: task.task_id,
      step: step.name,
      ...(fingerprint === null ? {} : { fingerprint }),
    },
  );
}

/** The step waits for its next attempt. */
export async function backoffVerdict(scene: Scene, step: ExplainedStepRow): Promise<Conclusion> {
  const { task, now } = scene;
  const due = step.next_retry_at as Date;
  const left = secondsBetween(now, due);
  const schedulers = await scene.liveSchedulers();
  const overdue = left < -ENQUEUED_WITHIN_SECONDS;
  const when = reason(
    left > 0
      ? `attempt ${step.attempts + 1} of ${step.retry_limit} is due in ${seconds(left)}`
      : `attempt ${step.attempts + 1} of ${step.retry_limit} has been due for ${seconds(-left)}`,
    { next_attempt: step.attempts + 1, retry_limit: step.retry_limit, due_in_seconds: rounded(left), schedulers },
    { task_id: task.task_id, step: step.name },
  );
  const atOnce = action('Try again at once.', `tasker retry ${task.task_id} --step ${word(step.name)}`);
  if (schedulers === 0) {
    return {
      verdict: left > 0 ? 'BACKOFF' : 'NO_SCHEDULER',
      because: [
        when,
        reason('no scheduler lives, and only a scheduler makes due steps ready', { schedulers }),
        failure(scene, step),
      ],
      until: left > 0 ? due : null,
      who: 'operator',
      next: [action('Start a scheduler; two or more, so that one may die.', 'tasker scheduler'), atOnce],
    };
  }
  return {
    verdict: 'BACKOFF',
    because: [
      when,
      ...(overdue
        ? [
            reason(
              `${count(schedulers, 'scheduler lives', 'schedulers live')}, and makes due steps ready in order: many are due, or the database is slow`,
              { schedulers },
            ),
          ]
        : []),
      failure(scene, step),
    ],
    until: due,
    next: [atOnce],
  };
}

/** No retry will come. */
export async function blockedVerdict(scene: Scene, step: ExplainedStepRow): Promise<Conclusion> {
  const { task } = scene;
  const spent = step.attempts >= step.retry_limit;
  // It was granted attempts for the deaths that others may have caused: it need not have used them.
  const kills = step.error?.name === 'WorkerDied';
  const because: Reason[] = [
    failure(scene, step),
    reason(
      spent
        ? `all ${count(step.retry_limit, 'attempt')} of it are spent`
        : kills
          ? 'its process died as often as it may make attempts, so it is likely to be what kills it, and does not run again by itself'
          : `the error is permanent, or the step may not be retried: ${step.attempts} of ${count(step.retry_limit, 'attempt')} used`,
      { attempts: step.attempts, retry_limit: step.retry_limit, attempts_spent: spent },
      { task_id: task.task_id, step: step.name },
    ),
  ];
  const next: NextAction[] = [];
  const fingerprint = step.error?.fingerprint ?? null;
  if (fingerprint !== null) {
    const [row] = await scene.db.run(countSameFailure, { fingerprint, most: MOST_BLOCKED });
    const others = Math.max((row?.same ?? 1) - 1, 0);
    const all = (row?.read_steps ?? 0) < MOST_BLOCKED;
    if (others > 0) {
      because.push(
        reason(
          `${all ? '' : 'at least '}${upTo(others, MOST_BLOCKED, 'other step')} ${others === 1 ? 'is' : 'are'} blocked with the same cause`,
          { others_the_same: others, counted_all: all },
          { fingerprint },
        ),
      );
      next.push(action('See all tasks with this cause.', `tasker tasks --fingerprint ${fingerprint}`));
    }
  }
  if (task.superseded_by !== null) {
    because.push(
      reason(
        `task ${task.superseded_by} has taken over the identity of this task, so this one does not go on`,
        {},
        { task_id: task.superseded_by },
      ),
    );
    return {
      verdict: 'BLOCKED',
      because,
      who: 'nobody',
      next: [
        action('Look at the task that replaced it.', `tasker explain ${task.superseded_by}`),
        action('Declare this one done.', `tasker resolve ${task.task_id}`),
        ...next,
      ],
    };
  }
  next.unshift(
    ...(kills
      ? [
          action(
            'See what is unusual in its input, and correct it: as it is, it may kill another worker.',
            // The input of a task is edited if nothing of it runs any more; until then that of the step alone.
            `tasker retry ${task.task_id}${task.state === 'error' ? '' : ` --step ${word(step.name)}`} --input @corrected.json`,
          ),
        ]
      : []),
    action('Try again, once the cause is mended.', `tasker retry ${task.task_id} --step ${word(step.name)}`),
    !scene.hasChildren(step)
      ? action('Declare it done by hand.', `tasker resolve ${task.task_id} --step ${word(step.name)}`)
      : action(
          'Declare it done by hand. Its children read what --result gives, here nothing.',
          `tasker resolve ${task.task_id} --step ${word(step.name)} --result null`,
        ),
  );
  return { verdict: 'BLOCKED', because, next };
}
