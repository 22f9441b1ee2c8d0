/** Time limit of each of the last phases of a shutdown: a connection that went silent would end none of them. */
export const FINAL_WRITE_TIMEOUT_MS = 2000;

/** Whether `work` ends within `ms`. It is not cancelled: after the time limit it goes on unwatched. Rejects if it rejects before. */
export async function withTimeout(work: Promise<unknown>, ms: number): Promise<boolean> {
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
