/**
 * Preloaded (`node --import`) into every process that `npm start` starts, so that none outlives it: the channel between the
 * two closes when the parent ends in whatever way, SIGKILL included, and the process then stops as if it had been asked to.
 */
import { isMainThread } from 'node:worker_threads';

/** Longer than any orderly stop takes. What is left then is not worth waiting for: its lease brings its steps back. */
const stopWithinMs = 20_000;

if (isMainThread && process.channel !== undefined) {
  process.once('disconnect', () => {
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), stopWithinMs).unref();
  });
  // Listening holds the process open; it must end by itself when its own work does.
  process.channel?.unref();
}
