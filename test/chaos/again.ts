import { setTimeout as sleep } from 'node:timers/promises';

/** No fault lasts this long: what fails for longer has another cause. */
const WITHIN_MS = 120_000;
const PAUSE_MS = 250;

/** Acts again after any error until it succeeds. What failed with an unknown outcome may have happened. */
export async function untilDone<T>(act: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + WITHIN_MS;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
