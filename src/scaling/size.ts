import { PARTITION_TASKS } from './partition-tasks.ts';

/** What a fleet is to do. */
export interface Load {
  stepsPerDay: number;
  stepsPerTask: number;
  /** Parents of each step, on average. */
  parentsPerStep: number;
  /** JSON text of the input of a task, and of the result of a step. */
  inputBytes: number;
  resultBytes: number;
  /** How long tasks are kept after they ended. */
  keepDays: number;
  /** Paths of inputs that are enabled for the workflow of the tasks (`tasker search enable`), with another value in each task. Default 0. */
  searchPaths?: number;
}

/** What that takes, in bytes. */
export interface Size {
  tasksPerDay: number;
  /** Tables and their indexes. */
  diskBytesPerStep: number;
  diskBytesPerTask: number;
  diskBytesPerDay: number;
  diskBytes: number;
  /** With the history of removed tasks in partitions that are not dropped yet. */
  diskBytesAtMost: number;
  walBytesPerStep: number;
  walBytesPerDay: number;
  /** What removing the tasks writes, once they are no longer kept. */
  removalWalBytesPerStep: number;
  removalWalBytesPerDay: number;
}

/**
 * Measured on PostgreSQL 18 with six loads (tasks of one step and of four, inputs and results of 0, 200 and 1,000 bytes); the sums below
 * were within 7 % of each. Pages of tasks and steps begin less than half full, so that an update stays on its page: what is in them
 * takes more than its bytes.
 */
const HISTORY = { task: 535, step: 650 } as const;
const DISK = {
  task: 605 + HISTORY.task,
  inputByte: 3.5,
  step: 508 + HISTORY.step,
  resultByte: 1.5,
  edge: 143,
} as const;
const WAL = { task: 715, step: 2067, payloadByte: 1.5 } as const;
/** Of a value at an enabled path: its row in the directory of tasks. */
const SEARCH = { disk: 125, wal: 310 } as const;
/** Of deletes, 200 tasks of four steps and edges in a statement, with the vacuum after it: tasks, steps with their history, edges. */
const REMOVAL_WAL = { task: 384, step: 350 + 706, edge: 220 } as const;

/** Disk and WAL of a load: sums of measured parts. */
export function sizeOf(load: Load): Size {
  const { stepsPerTask, searchPaths = 0 } = load;
  const diskBytesPerTask =
    DISK.task +
    SEARCH.disk * searchPaths +
    DISK.inputByte * load.inputBytes +
    stepsPerTask * (DISK.step + DISK.resultByte * load.resultBytes + DISK.edge * load.parentsPerStep);
  const walBytesPerTask =
    WAL.task +
    SEARCH.wal * searchPaths +
    WAL.step * stepsPerTask +
    WAL.payloadByte * (load.inputBytes + stepsPerTask * load.resultBytes);
  const removalWalBytesPerTask =
    REMOVAL_WAL.task + stepsPerTask * (REMOVAL_WAL.step + REMOVAL_WAL.edge * load.parentsPerStep);
  const tasksPerDay = load.stepsPerDay / stepsPerTask;
  const diskBytesPerDay = tasksPerDay * diskBytesPerTask;
  const diskBytes = diskBytesPerDay * load.keepDays;
  // A partition of the history is dropped when its last task is removed. Until then new tasks do not use its space: the file is as large
  // as at its end, and that is the history of all tasks that are kept, or of all tasks of the partition if they are fewer.
  const leftTasks = Math.min(tasksPerDay * load.keepDays, PARTITION_TASKS);
  const diskBytesAtMost = diskBytes + leftTasks * (HISTORY.task + HISTORY.step * stepsPerTask);
  return {
    tasksPerDay,
    diskBytesPerStep: diskBytesPerTask / stepsPerTask,
    diskBytesPerTask,
    diskBytesPerDay,
    diskBytes,
    diskBytesAtMost,
    walBytesPerStep: walBytesPerTask / stepsPerTask,
    walBytesPerDay: tasksPerDay * walBytesPerTask,
    removalWalBytesPerStep: removalWalBytesPerTask / stepsPerTask,
    removalWalBytesPerDay: tasksPerDay * removalWalBytesPerTask,
  };
}
