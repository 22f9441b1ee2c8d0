import { writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { type HeartbeatConnection, openHeartbeatConnection } from '../db/connections/heartbeat-connection.ts';
import { sqlState } from '../db/connections/sql-errors.ts';
import {
  type HeartbeatCommand,
  type HeartbeatData,
  type HeartbeatMessage,
  HeartbeatState,
} from './heartbeat-protocol.ts';

/**
 * Renews the lease from a thread of its own, on a connection of its own: a handler that blocks the event loop cannot delay the
 * heartbeat. Nor does the heartbeat keep a process alive whose loop stands still: the lease is renewed only while the main loop's
 * tick moves, or while a step that may be what blocks it is inside its declared time. One thread does so for the worker and the
 * scheduler of one program, each by its own rules.
 */
let data: HeartbeatData;
let state: Float64Array;
let connection: HeartbeatConnection;
const now = (): number => performance.timeOrigin + performance.now();
const post = (message: HeartbeatMessage): void => parentPort?.postMessage(message);
const postError = (error: unknown): void =>
  post({ kind: 'error', message: error instanceof Error ? error.message : String(error), code: sqlState(error) });

interface Member {
  workerId: string;
  killWhenStalled: boolean;
  timer: NodeJS.Timeout | undefined;
  /** The round under way. */
  current: Promise<void>;
  left: boolean;
  /** Rounds in a row in which the main loop stood still. A process that was stopped and resumed (SIGSTOP, SIGCONT) shows one. */
  stalledRounds: number;
}

const members = new Map<number, Member>();
const STALLED_ROUNDS_BEFORE_KILL = 3;

async function renewLease(index: number, member: Member): Promise<void> {
  const { workerId } = member;
  const stalledMs = now() - (state[HeartbeatState.tick] as number);
  if (stalledMs > data.maxStallMs && now() > (state[HeartbeatState.stallDeadline(index)] as number)) {
    post({ kind: 'stalled', member: index, stalledMs });
    member.stalledRounds += 1;
    if (member.killWhenStalled && member.stalledRounds >= STALLED_ROUNDS_BEFORE_KILL) killProcess(stalledMs);
    return;
  }
  member.stalledRounds = 0;
  const busySlots = state[HeartbeatState.busySlots(index)] as number;
  const draining = state[HeartbeatState.draining(index)] === 1;
  const renewed = await connection.renewLease(workerId, busySlots, draining);
  if (renewed === undefined) post({ kind: 'lost', member: index, workerId });
  else post({ kind: 'renewed', member: index, at: now(), pauses: renewed.pauses });
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

async function round(index: number, member: Member): Promise<void> {
  const started = performance.now();
  try {
    await renewLease(index, member);
  } catch (error) {
    postError(error);
  }
  const restMs = data.heartbeatIntervalMs - (performance.now() - started);
  if (!member.left) member.timer = setTimeout(() => begin(index, member), Math.max(20, restMs));
}

function begin(index: number, member: Member): void {
  member.current = round(index, member);
}

async function leave(index: number): Promise<void> {
  const member = members.get(index);
  if (member !== undefined) {
    members.delete(index);
    member.left = true;
    clearTimeout(member.timer);
    await member.current;
  }
  await connection.releaseSessionLock(index).catch(postError);
}

function beginWith(given: HeartbeatData): void {
  data = given;
  state = new Float64Array(given.shared);
  connection = openHeartbeatConnection({ ...given.connection, onError: postError });
  // The session locks are held before the process registers under them.
  // A failure is not handled: it ends the thread, and the main loop reads why. No top-level await: as a text in a bundle this is CommonJS.
  void connection.holdSessionLocks().then(() => post({ kind: 'ready' }));
}

parentPort?.on('message', (command: HeartbeatCommand) => {
  if (command.kind === 'begin') return beginWith(command.data);
  if (command.kind === 'renew') {
    const { member: index, workerId, killWhenStalled } = command;
    const known = members.get(index);
    if (known !== undefined) {
      known.workerId = workerId;
      return;
    }
    const current = Promise.resolve();
    const member: Member = { workerId, killWhenStalled, timer: undefined, current, left: false, stalledRounds: 0 };
    members.set(index, member);
    begin(index, member);
    return;
  }
  if (command.kind === 'leave') {
    void leave(command.member).then(() => post({ kind: 'left', member: command.member }));
    return;
  }
  for (const member of members.values()) {
    member.left = true;
    clearTimeout(member.timer);
  }
  void connection.close().finally(() => {
    post({ kind: 'stopped' });
    parentPort?.close();
  });
});
