import { z } from 'zod';

const seconds = z.number().nullable();

/** How often something ran and how long it took, in seconds. */
export const RUN_FIGURES = {
  runs: z.number().int(),
  failures: z.number().int(),
  retries: z.number().int(),
  waiting_p50: seconds,
  waiting_p95: seconds,
  running_p50: seconds,
  running_p95: seconds,
};
