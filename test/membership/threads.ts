import type { Worker } from 'node:worker_threads';

/** Every thread that this process starts, from the moment this file is loaded, in order. */
export const threads: Worker[] = [];
process.on('worker', (thread: Worker) => threads.push(thread));

export const DEATHS = {
  terminated: (thread: Worker) => void thread.terminate(),
  // No command of the protocol: the thread's message handler throws, and nothing catches it.
  'an uncaught exception': (thread: Worker) => thread.postMessage(null),
  'an exhausted heap': (thread: Worker) =>
    thread.postMessage(Array.from({ length: 2_000_000 }, (_, index) => ({ index, text: `number ${index}` }))),
} as const;
