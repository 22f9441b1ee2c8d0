import type { Database } from '../../src/db/connections/database.ts';
import type { Explanation, Reason } from '../../src/reads/explain/explanation.ts';
import type { Verdict, WhoActs } from '../../src/reads/explain/verdicts.ts';
import { AskedScene, isBlocked, isQuarantined, type SeenStep } from './asked-scene.ts';
import { wrongNumbers } from './asked-numbers.ts';
import type { Explained, ShownPause } from './asked.ts';
import type { Violation } from './audit.ts';
import { readChangeLog, type TaskLog, type Transition } from './change-log.ts';
import type { Paused } from './pauser.ts';
import { PAUSED_QUEUE } from './queues.ts';

/** A transition is written this long before it is visible at most, and is invisible to a snapshot that began as much later. */
const COMMITTED_WITHIN_MS = 15_000;
/** What an API says of pauses is that old at most, whichever process of it paused. */
export const SHOWN_WITHIN_MS = 5000;

const STATES: Readonly<Record<Exclude<Verdict, 'BUG'>, readonly string[]>> = {
  ENDED: ['complete', 'resolved_manually'],
  TASK_CANCELLED: ['cancelled'],
  RUNNING: ['in_progress'],
  WORKER_SILENT: ['in_progress'],
  BACKOFF: ['error'],
  NO_SCHEDULER: ['error'],
  BLOCKED: ['error'],
  PARENT_BLOCKED: ['pending'],
  WAITS_FOR_PARENTS: ['pending'],
  PAUSED: ['pending'],
  NO_WORKER_ON_QUEUE: ['pending'],
  NO_HANDLER: ['pending'],
  QUARANTINED: ['pending'],
  FLEET_SCALING: ['pending'],
  ALL_SLOTS_BUSY: ['pending'],
  BEHIND: ['pending'],
  DATABASE_BEHIND: ['pending'],
  ABOUT_TO_START: ['pending'],
};
/** Verdicts about a step that somebody could take: which one it is depends on what all the other tasks do. */
const READY: readonly Verdict[] = ['FLEET_SCALING', 'ALL_SLOTS_BUSY', 'BEHIND', 'DATABASE_BEHIND', 'ABOUT_TO_START'];
/** Who acts, as the page about explanations says it, while a scheduler lives. */
const WHO: Readonly<Partial<Record<Verdict, WhoActs>>> = {
  ENDED: 'nobody',
  TASK_CANCELLED: 'nobody',
  RUNNING: 'nobody',
  WORKER_SILENT: 'engine',
  BACKOFF: 'engine',
  NO_SCHEDULER: 'operator',
  BLOCKED: 'operator',
  PARENT_BLOCKED: 'operator',
  PAUSED: 'operator',
  NO_WORKER_ON_QUEUE: 'platform',
  NO_HANDLER: 'platform',
  QUARANTINED: 'engine',
  FLEET_SCALING: 'platform',
  ALL_SLOTS_BUSY: 'platform',
  BEHIND: 'nobody',
  DATABASE_BEHIND: 'operator',
  ABOUT_TO_START: 'nobody',
};
/** Without a heartbeat for this part of its lease a worker counts as silent. */
const SILENT_SHARE = 0.4;

/**
 * What was said against the history. Of those whose snapshot is known, every number that the history determines has to be right; of those that came over
 * HTTP, the state, the attempts and the time of the retry have to be those of some moment around it.
 */
export async function askedViolations(
  db: Database,
  { explained, shown }: { explained: readonly Explained[]; shown: readonly ShownPause[] },
  pauses: readonly Paused[],
): Promise<Violation[]> {
  const log = await readChangeLog(db, [...new Set(explained.map(({ taskId }) => taskId))]);
  const found = explained.flatMap(({ taskId, answer, snapshot }): Violation[] => {
    const { verdict, step, as_of: at } = answer;
    const what = `task ${taskId}${step === null ? '' : `, step ${step}`} at ${at.toISOString()}: ${verdict}`;
    if (verdict === 'BUG')
      return [{ kind: 'explained as a bug', detail: `${what}: ${answer.because.map(({ text }) => text).join('; ')}` }];
    const task = log.tasks.get(taskId);
    // Retention has removed it since.
    if (task === undefined) return [];
    const violations =
      snapshot === undefined
        ? aroundViolations(task, answer, pauses)
        : exactViolations(new AskedScene(log, task, snapshot, at), answer);
    return violations.map(({ kind, detail }) => ({ kind, detail: `${what}: ${detail}` }));
  });
  return [...found, ...shownViolations(shown, pauses)];
}

const STATE = 'explained against the history';
const NUMBER = 'explained with a wrong number';
const UNTIL = 'explained with a wrong time';
const ACTOR = 'explained with the wrong one to act';
const OTHER = 'explained by another cause';

/** What is wrong with an answer, down to each number of it. */
export function exactViolations(scene: AskedScene, answer: Explanation): Violation[] {
  const violations: Violation[] = [];
  if (answer.state !== scene.taskState)
    violations.push({ kind: STATE, detail: `the task is said to be ${answer.state}, and was ${scene.taskState}` });
  if (answer.step === null) {
    // Of a task as a whole there is nothing but its end.
    if (!STATES[answer.verdict as keyof typeof STATES].includes(scene.taskState))
      violations.push({ kind: STATE, detail: `the task was ${scene.taskState}` });
    return violations;
  }
  const step = scene.step(answer.step);
  if (step === undefined) return [{ kind: STATE, detail: 'the task has no such step' }];
  if (answer.step_state !== step.state)
    violations.push({ kind: STATE, detail: `it is said to be ${answer.step_state}, and was ${step.state}` });
  // Whatever else is open in a task: where a step is blocked, somebody has to do something.
  if (answer.others.length > 0 && scene.steps.some(isBlocked) && answer.who_acts !== 'operator')
    violations.push({ kind: ACTOR, detail: `${answer.who_acts}, and a step of the task was blocked` });
  return [...violations, ...conclusionViolations(scene, step, answer)];
}

type Concluded = Pick<Explanation, 'verdict' | 'because' | 'until' | 'who_acts'>;

function conclusionViolations(scene: AskedScene, step: SeenStep, said: Concluded): Violation[] {
  const { verdict, because, until, who_acts: who } = said;
  const expected = expectedVerdicts(scene, step);
  if (!expected.includes(verdict)) {
    const isState = !STATES[verdict as keyof typeof STATES].includes(step.state);
    return [
      isState
        ? { kind: STATE, detail: `it was ${step.state}` }
        : { kind: OTHER, detail: `it was one of ${expected.join(', ')}` },
    ];
  }
  if (verdict === 'WAITS_FOR_PARENTS' || verdict === 'PARENT_BLOCKED') return waitingViolations(scene, step, said);
  const violations: Violation[] = wrongNumbers(scene, step, verdict, because).map((detail) => ({
    kind: NUMBER,
    detail,
  }));
  const wanted = untilOf(scene, step, verdict);
  if (wanted !== undefined && (until?.getTime() ?? null) !== wanted)
    violations.push({
      kind: UNTIL,
      detail: `until ${until?.toISOString() ?? 'nobody knows'}, and it was ${wanted === null ? 'not known' : new Date(wanted).toISOString()}`,
    });
  if (verdict === 'PAUSED' && pausesSaid(because) !== scene.pausesOf(step).length)
    violations.push({
      kind: NUMBER,
      detail: `${pausesSaid(because)} pauses, and there were ${scene.pausesOf(step).length}`,
    });
  const actor =
    (verdict === 'BACKOFF' || verdict === 'WORKER_SILENT') && scene.schedulers === 0 ? 'operator' : WHO[verdict];
  if (who !== actor) violations.push({ kind: ACTOR, detail: `${who}, and it was ${actor}` });
  return violations;
}

const pausesSaid = (because: readonly Reason[]): number =>
  because.filter(({ numbers }) => 'paused_by' in numbers).length;

/** Its own numbers, and then whether what holds it up was explained as that step itself would have been. */
function waitingViolations(scene: AskedScene, step: SeenStep, said: Concluded): Violation[] {
  const [own, holding, ...rest] = said.because;
  const violations: Violation[] = wrongNumbers(scene, step, said.verdict, own === undefined ? [] : [own]).map(
    (detail) => ({ kind: NUMBER, detail }),
  );
  const name = holding?.links.step;
  const holder = scene.rootsOf(step).find((root) => root.name === name);
  if (holding === undefined || holder === undefined)
    return [...violations, { kind: OTHER, detail: `step ${name} is said to hold it up, and did not` }];
  const ofHolder = conclusionViolations(scene, holder, {
    ...said,
    verdict: holding.numbers['verdict'] as Verdict,
    because: rest,
  });
  return [
    ...violations,
    ...ofHolder.map(({ kind, detail }) => ({ kind, detail: `step ${holder.name}, for which it waits: ${detail}` })),
  ];
}

/** The verdicts that a step may have had. */
function expectedVerdicts(scene: AskedScene, step: SeenStep): readonly Verdict[] {
  switch (step.state) {
    case 'complete':
    case 'resolved_manually':
      return ['ENDED'];
    case 'cancelled':
      return ['TASK_CANCELLED'];
    case 'in_progress':
      return [isSilent(scene, step) ? 'WORKER_SILENT' : 'RUNNING'];
    case 'error':
      if (step.nextRetryMs === undefined) return ['BLOCKED'];
      return [scene.schedulers === 0 && step.nextRetryMs <= scene.nowMs ? 'NO_SCHEDULER' : 'BACKOFF'];
    default:
      return scene.unmetParentsOf(step).length > 0 ? waitingVerdicts(scene, step) : readyVerdicts(scene, step);
  }
}

const waitingVerdicts = (scene: AskedScene, step: SeenStep): readonly Verdict[] =>
  scene.rootsOf(step).some(isBlocked) ? ['PARENT_BLOCKED'] : ['WAITS_FOR_PARENTS'];

function readyVerdicts(scene: AskedScene, step: SeenStep): readonly Verdict[] {
  if (scene.pausesOf(step).length > 0) return ['PAUSED'];
  const { serving, able } = scene.coverageOf(step);
  if (serving.length === 0) return ['NO_WORKER_ON_QUEUE'];
  if (able.length === 0) return ['NO_HANDLER'];
  return isQuarantined(step) ? ['QUARANTINED'] : READY;
}

function isSilent(scene: AskedScene, { last }: SeenStep): boolean {
  const holder = scene.worker(last?.workerId ?? null);
  if (holder === undefined || holder.stopped_at !== null) return true;
  if (Date.parse(holder.lease_expires_at) <= scene.nowMs) return true;
  return scene.nowMs - Date.parse(holder.heartbeat_at) > holder.lease_seconds * SILENT_SHARE * 1000;
}

/** When it was over by itself: in milliseconds, null if nobody knew, undefined if that depends on other tasks. */
function untilOf(scene: AskedScene, step: SeenStep, verdict: Verdict): number | null | undefined {
  if (READY.includes(verdict)) return undefined;
  if (verdict === 'BACKOFF') return step.nextRetryMs ?? null;
  if (verdict === 'WORKER_SILENT') {
    const holder = scene.worker(step.last?.workerId ?? null);
    return scene.schedulers > 0 && holder?.stopped_at === null ? Date.parse(holder.lease_expires_at) : null;
  }
  if (verdict === 'PAUSED') {
    const ends = scene.pausesOf(step).map(({ until }) => (until === null ? null : Date.parse(until)));
    return ends.includes(null) ? null : Math.max(...ends.map(Number));
  }
  return null;
}

/** What is wrong with an answer whatever its snapshot was. */
function aroundViolations(task: TaskLog, answer: Explanation, pauses: readonly Paused[]): Violation[] {
  const { verdict, step: name, until, as_of: at } = answer;
  const step = name === null ? undefined : task.steps.get(name);
  const moments = momentsAround(step?.history ?? task.history, at.getTime());
  const allowed = STATES[verdict as keyof typeof STATES];
  if (!moments.some(({ state }) => allowed.includes(state)))
    return [{ kind: STATE, detail: `it was ${[...new Set(moments.map(({ state }) => state))].join(', ')}` }];
  const violations: Violation[] = [];
  if (verdict === 'BACKOFF' && step !== undefined) {
    const times = step.changes.map(({ nextRetryAt }) => nextRetryAt?.getTime());
    if (until !== null && !times.includes(until.getTime()))
      violations.push({ kind: UNTIL, detail: `until ${until.toISOString()}, which is no time of a retry` });
  }
  const said = step !== undefined && verdict !== 'WAITS_FOR_PARENTS' && verdict !== 'PARENT_BLOCKED';
  for (const { numbers } of said ? answer.because : []) {
    const attempts = numbers['attempts'] ?? numbers['attempt'];
    if (attempts !== undefined && !moments.some((moment) => moment.attempts === attempts))
      violations.push({
        kind: NUMBER,
        detail: `attempt ${attempts}, and it was ${[...new Set(moments.map((moment) => moment.attempts))].join(', ')}`,
      });
  }
  const ready =
    verdict !== 'PAUSED' && READY.includes(verdict) && step?.changes.some(({ queue }) => queue === PAUSED_QUEUE);
  if (ready === true && certain(pauses, at.getTime(), at.getTime()))
    violations.push({ kind: OTHER, detail: 'it was paused' });
  if (verdict === 'PAUSED' && !possible(pauses, at.getTime(), at.getTime()))
    violations.push({ kind: OTHER, detail: 'nothing was paused' });
  return violations;
}

/** The states, each with the attempts, in which it may have been, as a snapshot of this moment had it. */
export function momentsAround(history: readonly Transition[], at: number): { state: string; attempts: number }[] {
  let attempts = 0;
  const moments = [{ state: 'pending', attempts, from: -Infinity }];
  for (const { to, cause, at: from } of history) {
    attempts += cause === 'claim' ? 1 : cause === 'released' ? -1 : 0;
    moments.push({ state: to, attempts, from: from.getTime() });
  }
  return moments.filter(
    ({ from }, place) => from <= at + 500 && (moments[place + 1]?.from ?? Infinity) >= at - COMMITTED_WITHIN_MS,
  );
}

/** A pause was in force for all of this time. */
const certain = (pauses: readonly Paused[], fromMs: number, toMs: number, what?: Paused['what']): boolean =>
  pauses.some((pause) => (what ?? pause.what) === pause.what && pause.fromMs <= fromMs && toMs <= pause.toMs);

/** A pause may have been in force at some moment of this time. */
const possible = (pauses: readonly Paused[], fromMs: number, toMs: number, what?: Paused['what']): boolean =>
  pauses.some((pause) => (what ?? pause.what) === pause.what && pause.askedMs <= toMs && fromMs <= pause.resumedMs);

/** What an API said to be paused and was not, or the other way round, for longer than it takes to notice. */
export function shownViolations(shown: readonly ShownPause[], pauses: readonly Paused[]): Violation[] {
  return shown.flatMap(({ where, what, paused, sentMs, receivedMs }): Violation[] => {
    const fromMs = sentMs - SHOWN_WITHIN_MS;
    const detail = `${where} at ${new Date(receivedMs).toISOString()}: the ${what} is ${paused ? '' : 'not '}paused`;
    if (paused) return possible(pauses, fromMs, receivedMs, what) ? [] : [{ kind: 'shown as paused', detail }];
    return certain(pauses, fromMs, receivedMs, what) ? [{ kind: 'not shown as paused', detail }] : [];
  });
}
