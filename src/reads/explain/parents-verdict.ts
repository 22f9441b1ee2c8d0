import type { ExplainedStepRow, OpenStepRow } from '../../db/reads/explain/task.ts';
import { contradictionOf } from './contradictions.ts';
import { type Conclusion, reason, type StepVerdict } from './explanation.ts';
import { count } from './say.ts';
import type { Scene } from './scene.ts';
import { byNeed } from './verdicts.ts';

const MOST_NAMED = 10;
/** At most this many of the steps that hold it up are asked for their own verdict. */
const MOST_ASKED = 20;

/** Steps before it are not done: which, and what the one waits for that most needs somebody. `ask`: for the verdict of another step. */
export async function parentsVerdict(
  scene: Scene,
  step: ExplainedStepRow,
  ask: (scene: Scene, step: ExplainedStepRow) => Promise<StepVerdict>,
): Promise<Conclusion> {
  const { task_id: taskId } = scene.task;
  const unmet = scene.unmetParentsOf(step);
  const holding = rootsOf(scene, step);
  const verdicts: StepVerdict[] = [];
  const asked = await scene.steps(mostUrgentFirst(holding).slice(0, MOST_ASKED));
  for (const holder of asked) verdicts.push(await ask(scene, holder));
  verdicts.sort((a, b) => byNeed(a, b) || overLast(a, b));
  const [worst] = verdicts;
  const named = await scene.steps(unmet.slice(0, MOST_NAMED));
  const names = named.map(({ name, state }) => `${name} (${state})`);
  const more = unmet.length > MOST_NAMED ? ` and ${unmet.length - MOST_NAMED} more` : '';
  const because = [
    reason(
      `${unmet.length} of its ${count(step.total_parents, 'parent')} ${unmet.length === 1 ? 'is' : 'are'} not done: ${names.join(', ')}${more}`,
      { unmet_parents: unmet.length, parents: step.total_parents, holding_steps: holding.length },
      { task_id: taskId, step: named[0]?.name ?? step.name },
    ),
  ];
  if (worst === undefined) return { verdict: 'WAITS_FOR_PARENTS', because };
  // Whoever else needs somebody first: without that one it cannot start.
  const blocked = verdicts.some(({ verdict }) => verdict === 'BLOCKED');
  const worstStep = asked.find(({ name }) => name === worst.step);
  const direct = unmet.some(({ step_id: id }) => id === worstStep?.step_id);
  because.push(
    reason(
      `${direct ? 'of these' : 'before these'}, step ${worst.step} ${holding.length === 1 ? 'holds it up' : 'most needs somebody'}: ${worst.verdict}`,
      { verdict: worst.verdict },
      { task_id: taskId, step: worst.step },
    ),
    ...worst.because,
  );
  return {
    verdict: worst.verdict === 'BUG' ? 'BUG' : blocked ? 'PARENT_BLOCKED' : 'WAITS_FOR_PARENTS',
    because,
    until: worst.until,
    who: worst.who_acts,
    next: worst.next_actions,
  };
}

/** Of those that need the same, the one that is over last comes first: before that, nothing goes on. */
const overLast = (a: StepVerdict, b: StepVerdict): number =>
  (b.until?.getTime() ?? Number.MAX_VALUE) - (a.until?.getTime() ?? Number.MAX_VALUE);

/** The steps before this one that wait for no other step, or whose row contradicts itself. */
function rootsOf(scene: Scene, step: ExplainedStepRow): OpenStepRow[] {
  const seen = new Set([step.step_id]);
  const roots: OpenStepRow[] = [];
  const stack = [...scene.unmetParentsOf(step)];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (seen.has(next.step_id)) continue;
    seen.add(next.step_id);
    const waits = next.state === 'pending' && next.unmet_parents > 0 && contradictionOf(scene, next) === undefined;
    if (waits) stack.push(...scene.unmetParentsOf(next));
    else roots.push(next);
  }
  return roots;
}

const URGENCY = ['error', 'in_progress', 'pending'];

/** Blocked steps are asked first: if there are very many, these must be among them. */
function mostUrgentFirst(steps: readonly OpenStepRow[]): OpenStepRow[] {
  const rank = ({ blocked_at: blocked, state }: OpenStepRow): number =>
    blocked === null ? 1 + URGENCY.indexOf(state) : 0;
  return steps.toSorted((a, b) => rank(a) - rank(b));
}
