import type { Database, Executor } from '../../db/connections/database.ts';
import { findExplainedTask, type OpenStepRow, readOneSnapshot } from '../../db/reads/explain/task.ts';
import { InvalidInputError } from '../../errors.ts';
import { didYouMean } from '../../workflow/did-you-mean.ts';
import { bugVerdict } from './bug-verdict.ts';
import { contradictionOf, contradictionOfTask } from './contradictions.ts';
import { action, type Explanation, type OtherSteps, reason, type StepVerdict } from './explanation.ts';
import { seconds, secondsBetween } from './say.ts';
import { Scene } from './scene.ts';
import { stepVerdict } from './step-verdict.ts';
import { ACTORS, byNeed, VERDICTS } from './verdicts.ts';

/** Groups of open steps of one task that are asked for a verdict. */
const MOST_GROUPS = 20;
/** Names of steps that an error lists. */
const MOST_NAMES = 20;

/**
 * Why a task, or one step of it, is where it is: one verdict with its reasons, until when, who acts and what helps. Undefined if there is
 * no such task. Throws InvalidInputError if the task has no such step.
 *
 * Everything is read in one snapshot, in a short transaction that locks nothing: some five to ten statements by key or by a partial
 * index, each of them with a limit. It costs the same with a million ready steps.
 */
export async function explain(
  db: Database,
  taskId: string,
  step?: string,
  options: ExplainOptions = {},
): Promise<Explanation | undefined> {
  return db.transaction(async (tx) => {
    await tx.run(readOneSnapshot);
    return explainIn(tx, taskId, step, options);
  });
}

/** How an explanation is made. */
interface ExplainOptions {
  /** False: for a reader who may not see the messages of errors, which may repeat what a step works on. */
  messages?: boolean;
  /** Those whose tasks the reader may see. Default: all. */
  namespaces?: readonly string[] | undefined;
}

/** As `explain`, in a snapshot of the caller. */
export async function explainIn(
  tx: Executor,
  taskId: string,
  stepName: string | undefined,
  { messages = true, namespaces }: ExplainOptions,
): Promise<Explanation | undefined> {
  const [task] = await tx.run(findExplainedTask, { task_id: taskId, namespaces });
  if (task === undefined) return undefined;
  const scene = await Scene.of(tx, task, { messages });
  if (stepName === undefined) return taskVerdict(scene);
  const step = await scene.step(stepName);
  if (step === undefined) {
    const names = await scene.names();
    const which = names.length > MOST_NAMES ? didYouMean(stepName, names) : `: its steps are ${names.join(', ')}`;
    throw new InvalidInputError(`task ${taskId} has no step ${stepName}${which}`, { field: 'step' });
  }
  return explanationOf(scene, await stepVerdict(scene, step), []);
}

/** Of the open steps that wait for no other step, the verdict of the one that most needs somebody. */
async function taskVerdict(scene: Scene): Promise<Explanation> {
  const wrong = contradictionOfTask(scene) ?? scene.open.map((step) => contradictionOf(scene, step)).find(isGiven);
  if (wrong !== undefined) {
    const open = scene.open.find((each) => contradictionOf(scene, each) === wrong);
    const [step] = open === undefined ? [] : await scene.steps([open]);
    if (step !== undefined) return explanationOf(scene, await stepVerdict(scene, step), []);
    const bug = await bugVerdict(scene, wrong);
    return explanationOf(
      scene,
      { ...WHOLE, verdict: 'BUG', because: bug.because, who_acts: 'operator', next_actions: bug.next ?? [] },
      [],
    );
  }
  if (scene.taskEnded) return explanationOf(scene, endedTask(scene), []);
  const groups = groupsOf(scene).slice(0, MOST_GROUPS);
  const firsts = await scene.steps(groups.map(({ step }) => step));
  const verdicts: { verdict: StepVerdict; steps: number }[] = [];
  for (const [index, step] of firsts.entries()) {
    verdicts.push({ verdict: await stepVerdict(scene, step), steps: groups[index]?.steps ?? 1 });
  }
  verdicts.sort((a, b) => byNeed(a.verdict, b.verdict));
  const others: OtherSteps[] = verdicts.map(({ verdict, steps }) => ({
    step: verdict.step,
    verdict: verdict.verdict,
    steps,
  }));
  const [first] = verdicts;
  // Steps are open, and each waits for another one of them.
  if (first === undefined) {
    const bug = await bugVerdict(scene, 'task_in_progress_can_go_on');
    return explanationOf(
      scene,
      { ...WHOLE, verdict: 'BUG', because: bug.because, who_acts: 'operator', next_actions: bug.next ?? [] },
      [],
    );
  }
  return explanationOf(scene, first.verdict, first.steps > 1 ? others : others.slice(1));
}

const isGiven = (invariant: string | undefined): invariant is string => invariant !== undefined;

/** Steps for which one verdict holds, by what it depends on. The first of each is that which would go on first. */
function groupsOf(scene: Scene): { step: OpenStepRow; steps: number }[] {
  const groups = new Map<string, { step: OpenStepRow; steps: number; rank: number }>();
  for (const step of scene.open) {
    if (step.state === 'cancelled' || (step.state === 'pending' && step.unmet_parents > 0)) continue;
    const [rank, key] = kindOf(step);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { step, steps: 1, rank });
    else {
      group.steps += 1;
      if (isBefore(step, group.step)) group.step = step;
    }
  }
  return [...groups.values()].toSorted((a, b) => a.rank - b.rank);
}

function kindOf(step: OpenStepRow): [rank: number, key: string] {
  if (step.blocked_at !== null) return [0, `blocked ${step.cause ?? ''}`];
  if (step.ready_at !== null) return [1, `ready ${step.queue}`];
  if (step.state === 'in_progress') return [2, `running ${step.claimed_by ?? ''}`];
  return [3, 'backoff'];
}

/** Which of two steps of one kind goes on first. */
function isBefore(a: OpenStepRow, b: OpenStepRow): boolean {
  if (a.ready_at !== null && b.ready_at !== null) {
    return a.priority < b.priority || (a.priority === b.priority && a.ready_at < b.ready_at);
  }
  if (a.next_retry_at !== null && b.next_retry_at !== null) return a.next_retry_at < b.next_retry_at;
  return false;
}

/** What is not about one of the steps. */
const WHOLE = { step: '', state: 'pending', until: null } as const;

function endedTask({ task, now }: Scene): StepVerdict {
  const ago = task.completed_at === null ? undefined : secondsBetween(task.completed_at, now);
  const verdict = task.state === 'cancelled' ? 'TASK_CANCELLED' : 'ENDED';
  const how =
    task.state === 'complete'
      ? 'every step is done'
      : task.state === 'cancelled'
        ? 'it was cancelled'
        : 'an operator declared it done';
  return {
    ...WHOLE,
    verdict,
    because: [
      reason(
        `${how}${ago === undefined ? '' : `, ${seconds(ago)} ago`}`,
        { task_state: task.state, ended_seconds_ago: ago },
        { task_id: task.task_id },
      ),
    ],
    who_acts: VERDICTS[verdict].who,
    next_actions:
      verdict === 'TASK_CANCELLED'
        ? [action('The history says who did it, and why.', `tasker task ${task.task_id}`)]
        : [],
  };
}

function explanationOf({ task }: Scene, found: StepVerdict, others: readonly OtherSteps[]): Explanation {
  const ofStep = found.step !== '';
  return {
    task_id: task.task_id,
    namespace: task.namespace,
    workflow: task.workflow,
    version: task.version,
    state: task.state,
    step: ofStep ? found.step : null,
    step_state: ofStep ? found.state : null,
    verdict: found.verdict,
    summary: VERDICTS[found.verdict].means,
    because: found.because,
    until: found.until,
    who_acts: found.who_acts,
    actor: ACTORS[found.who_acts],
    next_actions: found.next_actions,
    others,
    as_of: task.now,
  };
}
