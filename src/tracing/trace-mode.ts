/**
 * `link`: each task is a trace of its own, linked to its submit. `parent`: a task goes on with the trace of its submit. `off`: no
 * spans, and no trace is stored.
 */
export type TraceMode = 'off' | 'link' | 'parent';
