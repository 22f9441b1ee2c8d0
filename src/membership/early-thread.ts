import type { Worker } from 'node:worker_threads';
import { findHeartbeatProgram, startHeartbeatThread } from './heartbeat-program.ts';

/**
 * A heartbeat thread that was started before it is known what it will do. A thread takes as long to begin as all code of a worker and a
 * scheduler takes to load, so in a program both begin at once. Nothing imported here loads more than the thread itself needs.
 */
export class EarlyThread {
  private thread: Worker | undefined;
  private readonly forget = (): void => {
    this.thread = undefined;
  };

  constructor(thread: Worker) {
    this.thread = thread;
    // Whoever wants the thread starts another then, and finds the same reason.
    thread.on('error', this.forget).once('exit', this.forget);
  }

  /** The thread, which is the caller's from now on; undefined if it has ended, or has an owner. */
  take(): Worker | undefined {
    const { thread } = this;
    this.thread = undefined;
    return thread?.off('error', this.forget).off('exit', this.forget);
  }

  /** Ends the thread if nobody took it. */
  end(): void {
    void this.thread?.terminate();
  }
}

/** Undefined if it cannot be started: then whoever needs one gets the error. */
export async function startThreadEarly(): Promise<EarlyThread | undefined> {
  try {
    return new EarlyThread(startHeartbeatThread(await findHeartbeatProgram(), false));
  } catch {
    return undefined;
  }
}
