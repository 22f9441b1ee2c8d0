/**
 * Preloaded (`node --import`) into every process that `npm start` starts, so that none outlives it: the channel between the
 * two closes when the parent ends in any way, SIGKILL included, and the process then stops as after a SIGTERM.
 */
import { isMainThread } from 'node:worker_threads';

/**
 * Longer than any orderly stop takes. After this time the process ends without it: its lease expires, and its steps are
 * recovered.
 */
const stopWithinMs = 20_000;

if (isMainThread && process.channel !== undefined) {
  process.once('disconnect', () => {
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), stopWithinMs).unref();
  });
  // A listener keeps the process running; it must end by itself when its own work ends.
  process.channel?.unref();
}
