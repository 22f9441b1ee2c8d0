import { type Boundary, boundaryText } from './boundary.ts';
import type { CrashRun } from './crash-run.ts';
import type { RecordedEffect } from './effects.ts';

/** What one crash changed. */
export interface CrashProblem {
  /** `repeated`: more often than without a crash. `missing`: less often. `different`: the same key with another value. */
  readonly kind: 'repeated' | 'missing' | 'different' | 'not complete' | 'not ended';
  /** The step whose effect it is; undefined for one outside of handlers, and for the end of the task. */
  readonly step: string | undefined;
  /** Name of the effect. */
  readonly effect: string | undefined;
  readonly boundary: Boundary;
  /** One sentence. */
  readonly message: string;
}

interface Counted {
  readonly step: string | undefined;
  readonly name: string;
  /** With a key it counts once, however often it was recorded. */
  times: number;
  readonly keys: Map<string, Set<string | undefined>>;
}

/** Compares the effects and the end of a run in which a worker was killed with those of the run without a crash. */
export function findProblems(reference: CrashRun, run: CrashRun, boundary: Boundary): CrashProblem[] {
  const problems = [...endOf(reference, run, boundary)];
  const expected = count(reference.effects);
  const found = count(run.effects);
  for (const id of new Set([...expected.keys(), ...found.keys()])) {
    const before = expected.get(id)?.times ?? 0;
    const after = found.get(id)?.times ?? 0;
    const { step, name, keys } = (found.get(id) ?? expected.get(id)) as Counted;
    const add = (kind: CrashProblem['kind'], message: string): void =>
      void problems.push({ kind, step, effect: name, boundary, message });
    if (after > before) add('repeated', `"${name}" happened ${times(after)}, and ${times(before)} without a crash`);
    // A task that ended otherwise, or not at all, does less.
    if (after < before && run.state === reference.state) {
      add('missing', `"${name}" happened ${times(after)}, and ${times(before)} without a crash`);
    }
    for (const values of found.has(id) ? keys.values() : []) {
      if (values.size > 1)
        add(
          'different',
          `"${name}" was asked for again under its key with another value: ${[...values].join(', then ')}`,
        );
    }
  }
  return problems;
}

function* endOf(reference: CrashRun, run: CrashRun, boundary: Boundary): Generator<CrashProblem> {
  if (run.state === reference.state) return;
  const of = { step: undefined, effect: undefined, boundary };
  if (run.state === undefined) {
    yield { ...of, kind: 'not ended', message: `the task did not end; it is ${run.task.state}` };
    return;
  }
  const blocked = run.task.steps.filter(({ blocked_at: blockedAt }) => blockedAt !== null);
  const why = blocked.map(
    ({ name, attempts, retry_limit: limit, retryable }) =>
      `step "${name}" is in error for good after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} (${retryable ? `retryLimit: ${limit}` : 'retryable: false'})`,
  );
  yield {
    ...of,
    kind: 'not complete',
    message: `the task ended in ${run.state}, and in ${reference.state} without a crash: ${why.join('; ')}`,
  };
}

function count(effects: readonly RecordedEffect[]): Map<string, Counted> {
  const counted = new Map<string, Counted>();
  for (const { step, name, key, value } of effects) {
    const id = JSON.stringify([step, name]);
    let entry = counted.get(id);
    if (entry === undefined) counted.set(id, (entry = { step, name, times: 0, keys: new Map() }));
    if (key === undefined) {
      entry.times += 1;
      continue;
    }
    const values = entry.keys.get(key);
    if (values === undefined) {
      entry.times += 1;
      entry.keys.set(key, new Set([value]));
    } else {
      values.add(value);
    }
  }
  return counted;
}

function times(number: number): string {
  return number === 1 ? 'once' : number === 0 ? 'not at all' : number === 2 ? 'twice' : `${number} times`;
}

/** For a reader. */
export function problemText({ boundary, message }: CrashProblem): string {
  return `killed ${boundaryText(boundary)}: ${message}`;
}
