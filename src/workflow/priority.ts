/** Priorities are of type smallint; the lower one is more urgent. */
export const MOST_URGENT = -32_768;
export const LEAST_URGENT = 32_767;
