import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { Client } from '../../client/client.ts';
import type { SubmitOptions } from '../../client/new-task.ts';
import { finalizeUnfinalized } from '../../engine/finalize.ts';
import type { TaskDetails } from '../../reads/task.ts';
import type { WorkflowDefinition } from '../../workflow/definition.ts';
import { isFinal } from '../../workflow/states.ts';
import { fleetConfig } from '../fleet/fleet-config.ts';
import type { TestDatabase } from '../fleet/test-database.ts';
import { VirtualClock } from '../fleet/virtual-clock.ts';
import { type Boundary, boundaryKey } from './boundary.ts';
import type { CrashProcess } from './crash-process.ts';
import type { RecordedEffect } from './effects.ts';
import type { TraceLine } from './messages.ts';

const POLL_MS = 20;
/** Longer than any lease. */
const PAST_THE_LEASE_MS = 7_200_000;

export interface CrashRun {
  /** Undefined: it did not end in time. */
  readonly state: string | undefined;
  readonly task: TaskDetails;
  /** Whether the worker was killed: the boundary was reached. */
  readonly crashed: boolean;
  /** Of the worker that was to be killed. */
  readonly boundaries: readonly Boundary[];
  /** Of all workers, in order. */
  readonly effects: readonly RecordedEffect[];
}

interface CrashRunOptions {
  readonly definition: WorkflowDefinition;
  readonly input: unknown;
  readonly submit: SubmitOptions;
  readonly timeoutMs: number;
  readonly database: TestDatabase;
  /** A worker that has not begun. */
  readonly takeWorker: () => CrashProcess;
  /** The key of a boundary; undefined: a run without a crash. */
  readonly crashAt: string | undefined;
}

/**
 * Runs one task: by a worker that is killed at `crashAt`, and then, when what it held is taken back, by another. The scheduler's part
 * is done here, without its waits.
 */
export async function runWithCrash(options: CrashRunOptions): Promise<CrashRun> {
  const { database, definition, takeWorker, crashAt } = options;
  const { url } = database;
  const client = new Client({ url, poolSize: 2, applicationName: 'tasker test kit' });
  const trace = join(tmpdir(), `tasker-fleet-crash-${randomUUID()}.jsonl`);
  const workers: CrashProcess[] = [];
  const { cronSchema, silentSeconds } = fleetConfig('scheduler', url, [], {});
  const clock = new VirtualClock(client.db, { cronSchema, silentSeconds });
  const deadline = performance.now() + options.timeoutMs;
  try {
    await writeFile(trace, '');
    const { taskId } = await client.submit(definition, options.input as never, options.submit);
    const first = takeWorker();
    workers.push(first);
    await first.begin({ url, trace, crashAt });
    let last = first;
    for (;;) {
      const task = (await client.getTask(taskId)) as TaskDetails;
      const ended = isFinal(task.state) || task.state === 'error';
      if (ended || performance.now() >= deadline) {
        const state = ended ? task.state : undefined;
        // The last commit may not have returned to the worker yet, which may be the boundary at which it dies.
        if (ended) await last.end();
        const { boundaries, effects } = await readTrace(trace);
        const crashed = boundaries.some((boundary) => boundaryKey(boundary) === crashAt);
        return { state, task, crashed, boundaries, effects };
      }
      if (last.exited) {
        await takeBack(client, clock, deadline);
        last = takeWorker();
        workers.push(last);
        await last.begin({ url, trace, crashAt: undefined });
      } else if (task.steps.some((step) => step.next_retry_at !== null)) {
        await clock.skipBackoffs();
      }
      await finalizeUnfinalized(client.db);
      await pause();
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()));
    await client.db.close();
    await rm(trace, { force: true });
  }
}

/** Ends the lease of the worker that was killed. The server needs a moment to notice that its connections are gone. */
async function takeBack(client: Client, clock: VirtualClock, deadline: number): Promise<void> {
  do {
    await clock.advance(PAST_THE_LEASE_MS);
    await pause();
  } while (performance.now() < deadline && (await client.workers()).length > 0);
}

const pause = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, POLL_MS));

async function readTrace(file: string): Promise<Pick<CrashRun, 'boundaries' | 'effects'>> {
  const boundaries: Boundary[] = [];
  const effects: RecordedEffect[] = [];
  for (const text of (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')) {
    const line = JSON.parse(text) as TraceLine;
    if ('boundary' in line) boundaries.push(line.boundary);
    else effects.push({ step: undefined, attempt: undefined, key: undefined, value: undefined, ...line.effect });
  }
  return { boundaries, effects };
}
