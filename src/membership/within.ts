/** Each of the last phases of a shutdown: a connection that went silent answers none of them. */
export const LAST_WORDS_MS = 2000;

/** Whether `work` ends within `ms`; it goes on either way. */
export async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true as const), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** How a shutdown ended. */
export interface Drained {
  /**
   * What had not come to its end when the time was up, in words for people; what hangs on it is recovered as that of a dead
   * process. Empty: nothing is left behind.
   */
  readonly unfinished: readonly string[];
}
