import type { Reason } from '../../src/reads/explain/explanation.ts';
import type { Verdict } from '../../src/reads/explain/verdicts.ts';
import { type AskedScene, type SeenStep } from './asked-scene.ts';

/** What a number must be: itself, seconds within the precision of JavaScript's times, or between two bounds that the history leaves. */
type Expected = number | string | boolean | null | undefined | { seconds: number } | { from: number; to: number };

/** Times are cut to milliseconds, those of the answer and those of the audit. */
const PRECISION_SECONDS = 0.005;

/** Reasons whose numbers are not what the history has; each in words. */
export function wrongNumbers(
  scene: AskedScene,
  step: SeenStep,
  verdict: Verdict,
  because: readonly Reason[],
): string[] {
  return because.flatMap((reason) => {
    const expected = expectedOf(scene, step, verdict, reason);
    return Object.entries(reason.numbers).flatMap(([name, said]) => {
      const known = expected[name];
      if (known === undefined || agrees(said, known)) return [];
      return [`${name} is said to be ${said}, and was ${inWords(known)}`];
    });
  });
}

function agrees(said: unknown, known: Exclude<Expected, undefined>): boolean {
  if (known === null || typeof known !== 'object') return said === known;
  if (typeof said !== 'number') return false;
  const [from, to] = 'seconds' in known ? [known.seconds, known.seconds] : [known.from, known.to];
  return said >= from - PRECISION_SECONDS && said <= to + PRECISION_SECONDS;
}

const inWords = (known: Exclude<Expected, undefined>): string => {
  if (known === null || typeof known !== 'object') return String(known);
  return 'seconds' in known ? known.seconds.toFixed(3) : `${known.from.toFixed(3)} to ${known.to.toFixed(3)}`;
};

/**
 * By the name of the number. What is missing here depends on what other tasks did at that moment: how many steps were before it, which slots were busy,
 * how many failures were the same, and figures of the scaling signal and of statistics.
 */
function expectedOf(scene: AskedScene, step: SeenStep, verdict: Verdict, reason: Reason): Record<string, Expected> {
  const since = (ms: number | undefined): Expected =>
    ms === undefined ? undefined : { seconds: (scene.nowMs - ms) / 1000 };
  const until = (text: string | null | undefined): Expected =>
    typeof text === 'string' ? { seconds: (Date.parse(text) - scene.nowMs) / 1000 } : undefined;
  const notNegative = (known: Expected): Expected =>
    known !== null && typeof known === 'object' && 'seconds' in known ? { seconds: Math.max(0, known.seconds) } : known;
  const holder = scene.worker(step.last?.workerId ?? null);
  const coverage = scene.coverageOf(step);
  const pause = scene
    .pausesOf(step)
    .find(({ kind, name }) => name === (kind === 'queue' ? reason.links.queue : reason.links.workflow));
  return {
    attempt: step.attempts,
    attempts: step.attempts,
    next_attempt: step.attempts + 1,
    retry_limit: step.retryLimit,
    attempts_spent: step.attempts >= step.retryLimit,
    crashes: step.crashes,
    state: step.state,
    task_state: scene.taskState,
    version: scene.task.version,
    due_in_seconds: step.nextRetryMs === undefined ? undefined : { seconds: (step.nextRetryMs - scene.nowMs) / 1000 },
    failed_seconds_ago: since(step.last?.at.getTime()),
    error_name: step.last?.errorName ?? null,
    // When it began, or ended, is on its row; the history has it a moment later.
    ended_seconds_ago: shortlyBefore(scene, step),
    running_seconds: shortlyBefore(scene, step),
    ready_seconds: notNegative(since(step.readyMs)),
    silent_seconds: notNegative(since(holder === undefined ? undefined : Date.parse(holder.heartbeat_at))),
    lease_left_seconds: until(holder?.lease_expires_at),
    schedulers: scene.schedulers,
    parents: step.parents.length,
    unmet_parents: scene.unmetParentsOf(step).length,
    holding_steps: scene.rootsOf(step).length,
    workers_on_queue: coverage.serving.length,
    workers_with_handlers: verdict === 'NO_HANDLER' ? 0 : scene.withHandlers,
    draining_workers: coverage.draining,
    workers: coverage.able.length,
    live_workers: coverage.able.length,
    slots: coverage.able.reduce((sum, { slots }) => sum + slots, 0),
    paused_by: pause?.by,
    pause_reason: pause?.reason,
    paused_seconds: notNegative(since(pause === undefined ? undefined : Date.parse(pause.paused_at))),
    pause_left_seconds: pause?.until === null ? null : until(pause?.until),
  };
}

/** Since a moment between the last transition and what happened before it. */
function shortlyBefore({ nowMs }: AskedScene, { last, changedBefore }: SeenStep): Expected {
  if (last === undefined) return undefined;
  const from = Math.max(0, (nowMs - last.at.getTime()) / 1000);
  return { from, to: changedBefore === undefined ? Infinity : (nowMs - changedBefore.getTime()) / 1000 };
}
