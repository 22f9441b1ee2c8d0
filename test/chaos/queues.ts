/** The queues that every worker of a run serves. */
export const QUEUES = ['default', 'chaos_fan'] as const;
