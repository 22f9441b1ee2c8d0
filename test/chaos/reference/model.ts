import { BY_THE_CLAIM, DONE, OPEN, type Rules, STEP_RULES, TASK_RULES } from './rules.ts';

export interface Transition {
  sortKey: number;
  from: string | null;
  to: string;
  mostRecent: boolean;
  cause: string | null;
  claimId: string | null;
  workerId: string | null;
  /** Microseconds of the epoch, by the database clock. */
  at: number;
  /** When the transaction that wrote the row last committed; null if the server does not record it. Flipping most_recent writes the row too. */
  committedAt: number | null;
}

export interface StepRow {
  id: string;
  state: string;
  sortKey: number;
  attempts: number;
  retryLimit: number;
  inProcess: boolean;
  processed: boolean;
  claimId: string | null;
  unmetParents: number;
  children: readonly string[];
}

export interface TaskRow {
  state: string;
  sortKey: number;
  complete: boolean;
  unfinishedSinks: number;
  traceContext: string | null;
}

/** Everything that the database contains about one task. */
export interface TaskDump {
  id: string;
  task: TaskRow | undefined;
  transitions: Transition[];
  steps: StepRow[];
  stepTransitions: Map<string, Transition[]>;
  edges: { from: string; to: string }[];
}

/** A difference between the database and the replay of its history. */
export interface Difference {
  kind: string;
  detail: string;
}

/** The worker of each claim, shared by the replays of all tasks: a claim belongs to one worker, even if its steps are of several tasks. */
export type ClaimOwners = Map<string, string>;

interface Replayed {
  state: string;
  attempts: number;
  holder: string | null;
  claims: Transition[];
  done: Transition | undefined;
}

type Report = (kind: string, detail: string) => void;

/** Replays one task and its steps from the beginning, transition by transition, and compares the result with the rows. */
export function replayTask(dump: TaskDump, owners: ClaimOwners): Difference[] {
  const differences: Difference[] = [];
  const report: Report = (kind, detail) => differences.push({ kind, detail: `task ${dump.id}${detail}` });
  const { task } = dump;
  const known = new Set(dump.steps.map(({ id }) => id));
  for (const id of dump.stepTransitions.keys())
    if (!known.has(id)) report('orphan', `: history of step ${id}, no such step`);
  for (const { from, to } of dump.edges) {
    if (!known.has(from) || !known.has(to)) report('orphan', `: edge ${from} -> ${to}, no such step`);
  }

  const steps = new Map<string, Replayed>();
  for (const row of dump.steps) {
    const reportStep: Report = (kind, detail) => report(kind, ` step ${row.id}${detail}`);
    const step = replay(dump.stepTransitions.get(row.id) ?? [], STEP_RULES, owners, reportStep);
    steps.set(row.id, step);
    compareStep(row, step, dump.stepTransitions.get(row.id)?.length ?? 0, reportStep);
  }
  compareDependencies(dump, steps, report);
  if (task === undefined) {
    if (dump.steps.length + dump.transitions.length + dump.edges.length > 0)
      report('orphan', ': there is no such task');
    return differences;
  }
  const end = replay(dump.transitions, TASK_RULES, undefined, report);
  if (task.state !== end.state) report('state', ` is ${task.state}, its history ends in ${end.state}`);
  if (task.sortKey !== dump.transitions.length)
    report('sort key', ` has ${task.sortKey}, of ${dump.transitions.length}`);
  if (task.complete !== DONE.has(end.state)) report('complete flag', ` is ${task.complete} in ${end.state}`);
  if (task.traceContext !== null && !isTraceContext(task.traceContext))
    report('trace context', ` is ${task.traceContext}`);
  compareTaskWithSteps(dump, task, end, steps, report);
  return differences;
}

/** `traceparent` and, behind a blank, `tracestate`, field by field. */
function isTraceContext(text: string): boolean {
  const blank = text.indexOf(' ');
  const [parent, state] = blank < 0 ? [text, 'none'] : [text.slice(0, blank), text.slice(blank + 1)];
  const fields = parent.split('-');
  return (
    fields.map((field) => field.length).join() === '2,32,16,2' &&
    fields[0] === '00' &&
    fields.every((field) => [...field].every((digit) => '0123456789abcdef'.includes(digit))) &&
    [fields[1], fields[2]].every((id) => id?.replaceAll('0', '') !== '') &&
    state.length > 0 &&
    state.length <= 512
  );
}

function replay(
  history: readonly Transition[],
  rules: Rules,
  owners: ClaimOwners | undefined,
  report: Report,
): Replayed {
  const now: Replayed = { state: 'pending', attempts: 0, holder: null, claims: [], done: undefined };
  let before: Transition | undefined;
  const seen = new Set<string>();
  history.forEach((transition, index) => {
    const { sortKey, to, cause, claimId, workerId } = transition;
    const what = `, transition ${sortKey}`;
    if (sortKey !== index + 1) report('sort keys', `${what} is number ${index + 1}`);
    if (transition.mostRecent !== (index === history.length - 1)) report('most recent', `${what} of ${history.length}`);
    if ((transition.from ?? 'pending') !== now.state)
      report('chain', `${what} starts from ${transition.from} in ${now.state}`);
    if (rules[`${now.state} -> ${to}`]?.includes(cause ?? '') !== true) {
      report('illegal transition', `${what}: ${now.state} -> ${to} by ${cause}`);
    }
    if (before !== undefined && transition.at < before.at) report('time', `${what} is older than the one before it`);
    if (owners !== undefined) {
      if (cause === 'claim') {
        if (now.holder !== null) report('overlapping claims', `${what}: ${now.holder} still has it`);
        if (claimId === null || workerId === null) report('claim without a fence', what);
        else if (seen.has(claimId)) report('claim used twice', what);
        else if ((owners.get(claimId) ?? workerId) !== workerId) report('claim of two workers', what);
        if (claimId !== null && workerId !== null) {
          seen.add(claimId);
          owners.set(claimId, workerId);
        }
        now.claims.push(transition);
        now.attempts += 1;
        now.holder = claimId;
      } else {
        if (BY_THE_CLAIM.has(cause ?? '') && claimId !== now.holder) {
          report('ended under another claim', `${what}: ${cause} by ${claimId}, ${now.holder} has it`);
        }
        if (cause === 'released') now.attempts -= 1;
        now.holder = null;
      }
    }
    now.state = to;
    if (DONE.has(to)) now.done = transition;
    before = transition;
  });
  return now;
}

function compareStep(row: StepRow, step: Replayed, transitions: number, report: Report): void {
  if (row.state !== step.state) report('state', ` is ${row.state}, its history ends in ${step.state}`);
  if (row.sortKey !== transitions) report('sort key', ` has ${row.sortKey}, of ${transitions}`);
  if (row.attempts !== step.attempts) report('attempts', ` has ${row.attempts}, its history ${step.attempts}`);
  if (row.attempts > row.retryLimit) report('too many attempts', ` has ${row.attempts} of ${row.retryLimit}`);
  if (row.inProcess !== (step.state === 'in_progress')) report('in process', ` is ${row.inProcess} in ${step.state}`);
  if (row.processed !== DONE.has(step.state)) report('processed', ` is ${row.processed} in ${step.state}`);
  if (row.claimId !== step.holder) report('claim', ` has ${row.claimId}, its history ${step.holder}`);
}

function compareDependencies(dump: TaskDump, steps: ReadonlyMap<string, Replayed>, report: Report): void {
  const parents = new Map<string, string[]>();
  const children = new Map<string, string[]>();
  for (const { from, to } of dump.edges) {
    parents.set(to, [...(parents.get(to) ?? []), from]);
    children.set(from, [...(children.get(from) ?? []), to]);
  }
  for (const row of dump.steps) {
    const own = parents.get(row.id) ?? [];
    const unmet = own.filter((id) => steps.get(id)?.done === undefined).length;
    if (row.unmetParents !== unmet) report('unmet parents', ` step ${row.id} has ${row.unmetParents}, not ${unmet}`);
    if (row.children.toSorted().join() !== (children.get(row.id) ?? []).toSorted().join()) {
      report('children', ` step ${row.id} has ${row.children.length} on its row, others in its edges`);
    }
    for (const claim of steps.get(row.id)?.claims ?? []) {
      for (const id of own) {
        const done = steps.get(id)?.done;
        const what = ` step ${row.id}, claim ${claim.sortKey}, parent ${id}`;
        if (done === undefined || claim.at < done.at) report('claimed before its parent', what);
        // The last write of this row happened after the claim, and the claim could see the parent's end.
        else if (claim.committedAt !== null && done.committedAt !== null && claim.committedAt < done.committedAt) {
          report('committed before its parent', what);
        }
      }
    }
  }
}

function compareTaskWithSteps(
  dump: TaskDump,
  task: TaskRow,
  end: Replayed,
  steps: ReadonlyMap<string, Replayed>,
  report: Report,
): void {
  const all = [...steps.values()];
  const notDone = all.filter(({ state }) => !DONE.has(state)).length;
  const parents = new Set(dump.edges.map(({ from }) => from));
  const sinks = dump.steps.filter(({ id }) => !parents.has(id) && steps.get(id)?.done === undefined).length;
  if (task.unfinishedSinks !== sinks) report('unfinished sinks', ` has ${task.unfinishedSinks}, not ${sinks}`);
  if (all.length === 0) report('no steps', '');
  if (end.state === 'complete' && notDone > 0) report('complete too early', `: ${notDone} steps are not done`);
  if (!DONE.has(end.state) && notDone === 0) report('never complete', `: every step is done, and it is ${end.state}`);
  if (end.state === 'cancelled' && all.some(({ state }) => OPEN.has(state))) report('open after its end', '');
  if (end.state === 'error' && !all.some(({ state }) => state === 'error')) report('error without a step in error', '');
  if (end.state === 'pending' && all.some(({ claims }) => claims.length > 0)) report('begun without a record', '');
  const last = dump.transitions.at(-1);
  if (last === undefined || !(DONE.has(end.state) || end.state === 'cancelled')) return;
  if (all.some(({ claims }) => claims.some(({ at }) => at > last.at)))
    report('claimed after its end', ` (${end.state})`);
}
