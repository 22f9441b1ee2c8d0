import { defineStatement } from '../../statement.ts';

/** Sends one notification per queue. Never inside a hot transaction: a commit that notifies takes a lock that all others wait for. */
export const notifyQueues = defineStatement()({
  name: 'notify_queues',
  params: { channel: 'text', queues: 'text[]' },
  text: `SELECT pg_notify(:channel, queue) FROM unnest(:queues::text[]) AS q (queue)`,
});
