import { statement } from '../../statement.ts';

/** Parameters: channel, queues. Never inside a hot transaction: a commit that notifies takes a lock all others wait for. */
export const notifyQueues = statement(
  'notify_queues',
  `SELECT pg_notify($1, queue) FROM unnest($2::text[]) AS q (queue)`,
);
