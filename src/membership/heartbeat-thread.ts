import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { openHeartbeatConnection } from '../db/connections/heartbeat-connection.ts';
import { sqlState } from '../db/connections/sql-errors.ts';
import type { HeartbeatCommand, HeartbeatData, HeartbeatMessage } from './heartbeat.ts';

/**
 * Renews the lease from a thread of its own, on a connection of its own: a handler that blocks the event loop cannot delay the
 * heartbeat. Nor does the heartbeat keep a process alive whose loop stands still: the lease is renewed only while the main loop's
 * tick moves, or while a step that may be what blocks it is inside its declared time.
 */
const data = workerData as HeartbeatData;
const state = new Float64Array(data.shared);
const now = (): number => performance.timeOrigin + performance.now();
const post = (message: HeartbeatMessage): void => parentPort?.postMessage(message);
const postError = (error: unknown): void =>
  post({ kind: 'error', message: error instanceof Error ? error.message : String(error), code: sqlState(error) });

const connection = openHeartbeatConnection({ ...data.connection, onError: postError });
let workerId: string | undefined;
let timer: NodeJS.Timeout | undefined;
let stopped = false;
/** Rounds in a row in which the main loop stood still. A process that was stopped and resumed (SIGSTOP, SIGCONT) shows one. */
let stalledRounds = 0;
const STALLED_ROUNDS_BEFORE_KILL = 3;

async function renewLease(id: string): Promise<void> {
  // In the order of HeartbeatState.
  const [tick = 0, stallDeadline = 0, busySlots = 0, draining = 0] = state;
  const stalledMs = now() - tick;
  if (stalledMs > data.maxStallMs && now() > stallDeadline) {
    post({ kind: 'stalled', stalledMs });
    stalledRounds += 1;
    if (data.killWhenStalled && stalledRounds >= STALLED_ROUNDS_BEFORE_KILL) killProcess(stalledMs);
    return;
  }
  stalledRounds = 0;
  const renewed = await connection.renewLease(id, busySlots, draining === 1);
  if (renewed === undefined) return post({ kind: 'lost', workerId: id });
  post({ kind: 'renewed', at: now(), pauses: renewed.pauses });
}

/**
 * A loop that does not end holds its steps, and a core, for ever: no signal handler and no probe would ever run again. The line is
 * written to the descriptor itself, since a thread's own output goes through the main loop.
 */
function killProcess(stalledMs: number): void {
  const fatal = {
    level: 'fatal',
    stalled_ms: Math.round(stalledMs),
    message: 'the event loop stands still: killing the process',
  };
  writeSync(2, `${JSON.stringify(fatal)}\n`);
  process.kill(process.pid, 'SIGKILL');
}

async function round(): Promise<void> {
  const started = performance.now();
  try {
    if (workerId !== undefined) await renewLease(workerId);
  } catch (error) {
    postError(error);
  }
  const restMs = data.heartbeatIntervalMs - (performance.now() - started);
  if (!stopped) timer = setTimeout(() => void round(), Math.max(20, restMs));
}

parentPort?.on('message', (command: HeartbeatCommand) => {
  if (command.kind === 'renew') {
    const first = workerId === undefined;
    workerId = command.workerId;
    if (first) void round();
    return;
  }
  stopped = true;
  clearTimeout(timer);
  void connection.close().finally(() => {
    post({ kind: 'stopped' });
    parentPort?.close();
  });
});

// The session lock is held before the process registers under it.
// A failure is not handled: it ends the thread, and the main loop reads why. No top-level await: as a text in a bundle this is CommonJS.
void connection.holdSessionLock().then(() => post({ kind: 'ready' }));
