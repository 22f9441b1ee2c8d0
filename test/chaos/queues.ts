/** Of the tasks that are paused and resumed: nothing else waits in it. */
export const PAUSED_QUEUE = 'chaos_paused';
/** The queues that every worker of a run serves. */
export const QUEUES = ['default', 'chaos_fan', PAUSED_QUEUE] as const;
