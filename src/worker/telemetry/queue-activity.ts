/** What a worker did in one queue since its last report, and what it does now. */
export interface QueueActivity {
  started: number;
  completed: number;
  failed: number;
  completedSeconds: number;
  running: number;
  /** Sum of the starts of what runs, in ms of performance.now(): with their number it gives their ages. */
  startsMs: number;
  changed: boolean;
}

export const noActivity = (): QueueActivity => ({
  started: 0,
  completed: 0,
  failed: 0,
  completedSeconds: 0,
  running: 0,
  startsMs: 0,
  changed: false,
});
