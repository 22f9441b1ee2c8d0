import { NO_CEILING } from '../../src/reads/task-list.ts';

/** The parameters of a page of 50 of every task: no filter. */
export const WHOLE_PAGE = {
  states: null,
  named_task_ids: null,
  tags: null,
  initiator: null,
  schedule: null,
  requested_since: null,
  requested_before: null,
  error: null,
  fingerprint: null,
  queue: null,
  source_system: null,
  input_has: null,
  attempts_from: null,
  attempts_to: null,
  ended_since: null,
  ended_before: null,
  floor: '0',
  below: NO_CEILING,
  limit: 51,
};
