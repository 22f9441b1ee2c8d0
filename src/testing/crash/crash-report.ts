import { TaskerError } from '../../errors.ts';
import { type CrashProblem, problemText } from './find-problems.ts';

/** What the crashes say of one step. */
export interface StepVerdict {
  readonly name: string;
  /** `not judged`: its handler records no effects, so nobody can see whether they happen twice. */
  readonly verdict: 'idempotent' | 'not idempotent' | 'not judged';
  /** Effects that it records in a run without a crash. */
  readonly effects: number;
  readonly problems: readonly CrashProblem[];
}

/** What the crashes changed. */
export interface CrashReport {
  /** No crash changed which effects happened, or how the task ended. */
  readonly ok: boolean;
  readonly steps: readonly StepVerdict[];
  /** Of steps, of effects outside of handlers, and of the end of the task. */
  readonly problems: readonly CrashProblem[];
  /** Runs in which a worker was killed. */
  readonly crashes: number;
  /** Boundaries that the run without a crash had and that were not tried: more than `maxCrashes`, or not reached a second time. */
  readonly untried: number;
  readonly seconds: number;
  /** The report for a reader. */
  toString(): string;
  /** Throws an error with the report if a crash changed something. */
  assertOk(): void;
}

type Findings = Pick<CrashReport, 'problems' | 'crashes' | 'untried' | 'seconds'> & {
  readonly workflow: string;
  readonly steps: readonly { readonly name: string; readonly effects: number }[];
};

export function crashReport({ workflow, steps, ...findings }: Findings): CrashReport {
  const { problems } = findings;
  const verdicts = steps.map(({ name, effects }): StepVerdict => {
    const own = problems.filter(({ step }) => step === name);
    const verdict = own.length > 0 ? 'not idempotent' : effects === 0 ? 'not judged' : 'idempotent';
    return { name, verdict, effects, problems: own };
  });
  const report = { ok: problems.length === 0, ...findings, steps: verdicts };
  const text = reportText(workflow, report);
  return {
    ...report,
    toString: () => text,
    assertOk() {
      if (!report.ok) throw new TaskerError('CRASHES_CHANGE_EFFECTS', text, { problems });
    },
  };
}

type Shown = Omit<CrashReport, 'toString' | 'assertOk'>;

function reportText(workflow: string, { steps, problems, crashes, untried, seconds }: Shown): string {
  const named = (verdict: StepVerdict['verdict']): string[] =>
    steps.filter((step) => step.verdict === verdict).map(({ name }) => name);
  const others = problems.filter(({ step }) => step === undefined || steps.every(({ name }) => name !== step));
  const list = (title: string, names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`  ${title}: ${names.join(', ')}`];
  return [
    `${workflow}: ${crashes} crashes, each at another boundary, in ${seconds.toFixed(0)} s, ${problems.length === 0 ? 'no effect was lost or repeated' : `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`}`,
    ...list('idempotent', named('idempotent')),
    ...list('not judged, because they record no effects', named('not judged')),
    ...(untried === 0 ? [] : [`  ${untried} ${untried === 1 ? 'boundary was' : 'boundaries were'} not tried`]),
    ...steps.flatMap((step) =>
      step.problems.length === 0 ? [] : [`  step "${step.name}" is not idempotent:`, ...linesOf(step.problems)],
    ),
    ...(others.length === 0 ? [] : ['  of the task:', ...linesOf(others)]),
  ].join('\n');
}

function linesOf(problems: readonly CrashProblem[]): string[] {
  return problems.map((problem) => `    - ${problemText(problem)}`);
}
