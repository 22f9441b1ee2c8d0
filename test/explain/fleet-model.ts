import type { Verdict, WhoActs } from '../../src/reads/explain/verdicts.ts';

/** Rows of tables as they are, read by themselves: the model shares no statement and no rule with what it checks. */
export interface Rows {
  tasks: { task_id: string; state: string; superseded: boolean }[];
  steps: StepRow[];
  workers: WorkerRow[];
  reports: { worker_id: string; named_task_id: number | null; workflow: string }[];
  pauses: { kind: string; name: string; by: string; until: Date | null }[];
  resumes: { name: string; at: Date }[];
  signals: { queue: string; desired_replicas: number; completion_rate: number; valid_until: Date }[];
}

export interface StepRow {
  task_id: string;
  workflow_step_id: string;
  name: string;
  workflow: string;
  named_task_id: number;
  state: string;
  queue: string;
  priority: number;
  attempts: number;
  retry_limit: number;
  children: string[];
  ready_us: string | null;
  next_retry_at: Date | null;
  blocked_at: Date | null;
  last_attempted_at: Date | null;
  claimed_by: string | null;
  fingerprint: string | null;
}

interface WorkerRow {
  worker_id: string;
  role: string;
  queues: string[];
  slots: number;
  draining: boolean;
  started_at: Date;
  heartbeat_at: Date;
  lease_seconds: number;
  lease_expires_at: Date;
  stopped_at: Date | null;
}

/** What an explanation must say: a number is seconds within one of them, or exact. */
export interface Expected {
  verdict: Verdict;
  who: WhoActs;
  until?: number | null;
  seconds: Record<string, number>;
  exact: Record<string, number | string | boolean>;
}

const QUARANTINE = '~quarantine';
const VERDICTS_OF_PLATFORM = new Set<Verdict>(['FLEET_SCALING', 'ALL_SLOTS_BUSY']);
const DONE = new Set(['complete', 'resolved_manually']);
/** Who acts first, and of those the verdict that comes first in the catalogue. */
const WHO: readonly WhoActs[] = ['operator', 'platform', 'engine', 'nobody'];

/** Why things are where they are at one moment, by the meaning of each verdict. */
export class FleetModel {
  private readonly rows: Rows;
  private readonly now: number;

  constructor(rows: Rows, asOf: Date) {
    this.rows = rows;
    this.now = asOf.getTime();
  }

  of(step: StepRow): Expected {
    if (DONE.has(step.state)) return expect('ENDED', 'nobody', { attempts: step.attempts });
    if (step.state === 'cancelled') return expect('TASK_CANCELLED', 'nobody');
    if (step.state === 'in_progress') return this.held(step);
    if (step.state === 'error') return this.failed(step);
    return this.parentsOf(step).some(isOpen) ? this.waiting(step) : this.ready(step);
  }

  /** Of the open steps of a task that wait for no other. Undefined: the task has ended. */
  ofTask(taskId: string): Expected | undefined {
    const steps = this.stepsOf(taskId).filter(
      (step) =>
        isOpen(step) && step.state !== 'cancelled' && !(step.state === 'pending' && this.parentsOf(step).some(isOpen)),
    );
    // Of those that do the same one after another, the first stands for all: of a queue, and of the retries.
    const first = steps.filter((step) => !steps.some((other) => this.comesBefore(other, step)));
    return worst(first.map((step) => this.of(step)));
  }

  private comesBefore(other: StepRow, step: StepRow): boolean {
    if (other.ready_us !== null && step.ready_us !== null)
      return other.queue === step.queue && isBefore(placeOf(other), placeOf(step));
    const [due, mine] = [other.next_retry_at, step.next_retry_at];
    if (due === null || mine === null) return false;
    return (
      due < mine || (due.getTime() === mine.getTime() && BigInt(other.workflow_step_id) < BigInt(step.workflow_step_id))
    );
  }

  stepsOf(taskId: string): StepRow[] {
    return this.rows.steps.filter(({ task_id: id }) => id === taskId);
  }

  private parentsOf(step: StepRow): StepRow[] {
    return this.stepsOf(step.task_id).filter(({ children }) => children.includes(step.workflow_step_id));
  }

  private get schedulers(): number {
    return this.rows.workers.filter((each) => each.role === 'scheduler' && this.lives(each)).length;
  }

  private lives({ stopped_at: stopped, lease_expires_at: ends }: WorkerRow): boolean {
    return stopped === null && ends.getTime() > this.now;
  }

  private held(step: StepRow): Expected {
    const holder = this.rows.workers.find(({ worker_id: id }) => id === step.claimed_by) as WorkerRow;
    const silent = (this.now - holder.heartbeat_at.getTime()) / 1000;
    const seconds = { running_seconds: this.since(step.last_attempted_at), silent_seconds: silent };
    const exact = { attempt: step.attempts, retry_limit: step.retry_limit };
    if (this.lives(holder) && silent <= holder.lease_seconds * 0.4) return expect('RUNNING', 'nobody', exact, seconds);
    const until = this.schedulers > 0 && holder.stopped_at === null ? holder.lease_expires_at.getTime() : null;
    return { ...expect('WORKER_SILENT', this.schedulers > 0 ? 'engine' : 'operator', exact, seconds), until };
  }

  private failed(step: StepRow): Expected {
    if (step.blocked_at !== null) {
      const same = this.rows.steps.filter((each) => each.blocked_at !== null && each.fingerprint === step.fingerprint);
      const others = same.length - 1;
      const superseded = this.rows.tasks.some((task) => task.task_id === step.task_id && task.superseded);
      return expect('BLOCKED', superseded ? 'nobody' : 'operator', {
        attempts: step.attempts,
        attempts_spent: step.attempts >= step.retry_limit,
        ...(others > 0 ? { others_the_same: others } : {}),
      });
    }
    const due = (step.next_retry_at as Date).getTime();
    const overdue = due <= this.now;
    const [verdict, who] =
      this.schedulers > 0
        ? (['BACKOFF', 'engine'] as const)
        : ([overdue ? 'NO_SCHEDULER' : 'BACKOFF', 'operator'] as const);
    const seconds = { due_in_seconds: (due - this.now) / 1000 };
    const until = verdict === 'NO_SCHEDULER' ? null : due;
    return { ...expect(verdict, who, { next_attempt: step.attempts + 1 }, seconds), until };
  }

  private waiting(step: StepRow): Expected {
    const roots = new Map<string, StepRow>();
    const visit = (one: StepRow): void => {
      for (const parent of this.parentsOf(one).filter(isOpen)) {
        if (parent.state === 'pending' && this.parentsOf(parent).some(isOpen)) visit(parent);
        else roots.set(parent.workflow_step_id, parent);
      }
    };
    visit(step);
    const found = [...roots.values()].map((root) => this.of(root));
    const blocked = found.some(({ verdict }) => verdict === 'BLOCKED');
    const unmet = this.parentsOf(step).filter(isOpen).length;
    const exact = { unmet_parents: unmet, parents: this.parentsOf(step).length, holding_steps: roots.size };
    const { who, verdict } = worst(found) as Expected;
    const ends = found.filter((each) => each.verdict === verdict && each.who === who).map(({ until }) => until ?? null);
    const until = ends.includes(null) ? null : Math.max(...(ends as number[]));
    return {
      ...expect(verdict === 'BUG' ? 'BUG' : blocked ? 'PARENT_BLOCKED' : 'WAITS_FOR_PARENTS', who, exact),
      until,
    };
  }

  private ready(step: StepRow): Expected {
    const quarantined = step.queue.endsWith(QUARANTINE);
    const queue = quarantined ? step.queue.slice(0, -QUARANTINE.length) : step.queue;
    const waited = Math.max(0, (this.now - Number(step.ready_us) / 1000) / 1000);
    const seconds = { ready_seconds: waited };
    const pauses = this.pausesOf(queue, step.workflow);
    if (pauses.length > 0) {
      const ends = pauses.map(({ until }) => until?.getTime() ?? Infinity);
      const until = Math.max(...ends);
      return { ...expect('PAUSED', 'operator', {}, seconds), until: until === Infinity ? null : until };
    }
    const serving = this.rows.workers.filter(
      (each) => each.role === 'worker' && each.queues.includes(queue) && this.lives(each) && !each.draining,
    );
    if (serving.length === 0) return expect('NO_WORKER_ON_QUEUE', 'platform', { workers_on_queue: 0 }, seconds);
    const able = serving.filter((each) => this.mayRun(each, step));
    if (able.length === 0) return expect('NO_HANDLER', 'platform', { workers_on_queue: serving.length }, seconds);
    if (quarantined) return expect('QUARANTINED', 'engine', { workers: able.length }, seconds);
    return this.queued(step, able, waited);
  }

  private queued(step: StepRow, able: readonly WorkerRow[], waited: number): Expected {
    const slots = able.reduce((sum, each) => sum + each.slots, 0);
    const busy = this.rows.steps.filter(
      (each) => each.state === 'in_progress' && able.some(({ worker_id: id }) => id === each.claimed_by),
    ).length;
    // What none of these workers would take stands in nobody's way.
    const ahead = this.rows.steps.filter(
      (each) =>
        each.ready_us !== null &&
        each.queue === step.queue &&
        isBefore(placeOf(each), placeOf(step)) &&
        able.some((worker) => this.mayRun(worker, each)) &&
        this.pausesOf(each.queue, each.workflow).length === 0,
    ).length;
    const exact = { workers: able.length, slots, busy_slots: busy, ahead };
    const seconds = { ready_seconds: waited };
    if (ahead < slots - busy) {
      // For a minute it was ready, nothing was before it, and no worker joined and no pause ended: until then one may be about to take it.
      const settled = ahead === 0 && able.every(({ started_at: at }) => this.since(at) > 60);
      const resumed = this.rows.resumes.some(
        ({ name, at }) => (name === step.queue || name === step.workflow) && this.since(at) < 60,
      );
      const stuck = waited > 60 && settled && !resumed;
      return expect(stuck ? 'BUG' : 'ABOUT_TO_START', stuck ? 'operator' : 'nobody', exact, seconds);
    }
    const signal = this.rows.signals.find((each) => each.queue === step.queue);
    const grows =
      able.some(({ started_at: at }) => this.since(at) < 120) &&
      signal !== undefined &&
      signal.valid_until.getTime() > this.now &&
      signal.desired_replicas > able.length;
    const until = signal !== undefined && ahead > 0 ? this.now + (ahead / signal.completion_rate) * 1000 : null;
    const full = busy >= slots;
    const verdict = grows ? 'FLEET_SCALING' : full ? 'ALL_SLOTS_BUSY' : 'BEHIND';
    return { ...expect(verdict, VERDICTS_OF_PLATFORM.has(verdict) ? 'platform' : 'nobody', exact, seconds), until };
  }

  /** A worker that began just now has not reported yet, and may have the handlers. */
  private mayRun(worker: WorkerRow, step: StepRow): boolean {
    const reports = this.rows.reports.filter(({ worker_id: id }) => id === worker.worker_id);
    if (reports.length === 0) return this.since(worker.started_at) < 15;
    return reports.some(({ named_task_id: id }) => id === step.named_task_id);
  }

  private pausesOf(queue: string, workflow: string): Rows['pauses'] {
    return this.rows.pauses.filter(
      ({ kind, name, until }) =>
        name === (kind === 'queue' ? queue : workflow) && (until === null || until.getTime() > this.now),
    );
  }

  private since(at: Date | null): number {
    return at === null ? 0 : (this.now - at.getTime()) / 1000;
  }
}

const isOpen = ({ state }: StepRow): boolean => !DONE.has(state);

const expect = (
  verdict: Verdict,
  who: WhoActs,
  exact: Expected['exact'] = {},
  seconds: Expected['seconds'] = {},
): Expected => ({ verdict, who, exact, seconds });

const placeOf = ({ priority, ready_us: us, workflow_step_id: id }: StepRow): bigint[] => [
  BigInt(priority),
  BigInt(us as string),
  BigInt(id),
];

function isBefore(a: readonly bigint[], b: readonly bigint[]): boolean {
  const at = a.findIndex((each, place) => each !== b[place]);
  return at >= 0 && (a[at] as bigint) < (b[at] as bigint);
}

/** The order of the guide: BUG, RUNNING, WORKER_SILENT and so on. */
const ORDER: readonly Verdict[] = [
  'BUG',
  'ENDED',
  'TASK_CANCELLED',
  'RUNNING',
  'WORKER_SILENT',
  'PARENT_BLOCKED',
  'WAITS_FOR_PARENTS',
  'BACKOFF',
  'NO_SCHEDULER',
  'BLOCKED',
  'PAUSED',
  'NO_WORKER_ON_QUEUE',
  'NO_HANDLER',
  'QUARANTINED',
  'FLEET_SCALING',
  'ALL_SLOTS_BUSY',
  'BEHIND',
  'DATABASE_BEHIND',
  'ABOUT_TO_START',
];

const worst = (found: readonly Expected[]): Expected | undefined =>
  found.toSorted(
    (a, b) => WHO.indexOf(a.who) - WHO.indexOf(b.who) || ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict),
  )[0];
