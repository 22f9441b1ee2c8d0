import type { Explanation } from '../../src/reads/explain/explanation.ts';

/** An explanation that somebody got. */
export interface Explained {
  taskId: string;
  answer: Explanation;
  /** What it was read from, by `pg_current_snapshot()`; undefined: it came over HTTP. */
  snapshot: string | undefined;
}

/** What an API said to be paused: one of several processes, of which another one may have paused it. */
export interface ShownPause {
  where: 'queues' | 'overview' | 'pauses';
  what: 'queue' | 'workflow';
  paused: boolean;
  sentMs: number;
  receivedMs: number;
}
