/** Parts of the examples in the document. */
export const TASK = {
  task_id: '4711',
  namespace: 'shop',
  workflow: 'checkout',
  version: '1.4.0',
  state: 'error',
  priority: 0,
  requested_at: '2026-03-01T09:30:00.000Z',
  completed_at: null,
  initiator: 'web',
  source_system: null,
  reason: null,
  tags: ['vip'],
  schedule: null,
} as const;

export const STEP = {
  name: 'charge',
  state: 'error',
  queue: 'payments',
  attempts: 3,
  retry_limit: 3,
  ready: false,
  unmet_parents: 0,
  next_retry_at: null,
  blocked_at: '2026-03-01T09:31:10.000Z',
  last_attempted_at: '2026-03-01T09:31:09.000Z',
  processed_at: null,
  claimed_by: null,
} as const;

export const ERROR = { name: 'Error', message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' } as const;

export const PAGE = { next_cursor: null, complete: true, scanned_to: null, as_of: '2026-03-01T09:32:00.000Z' } as const;
