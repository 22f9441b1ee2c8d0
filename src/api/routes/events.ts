import { z } from 'zod';
import { parseTopics } from '../events/topics.ts';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';

export const watchEvents = defineRoute({
  operation: 'watchEvents',
  method: 'GET',
  path: '/v1/events',
  summary: 'Server-sent events: which of some topics have changed',
  description:
    'Each event `version` has a topic and its version, first the present one, then each new one: whoever gets another one than it has asks for the data. After a reconnect with Last-Event-ID comes `resync`: read everything anew. `closed` is the last event, with a reason: `draining`, or `forbidden` if whoever asks may not see a topic any longer. However many streams there are, each topic is read once for all.',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'point',
  waits: 'always',
  produces: 'text/event-stream',
  query: z.strictObject({
    topics: z
      .string()
      .max(2000)
      .describe(
        'With commas: `task:<id>`, `tasks`, `overview`, `queues`, `workers`, `pauses`, `workflows`, `schedules`, `failures`, `operations`, `audit`.',
      ),
  }),
  response: z.string(),
  example: {
    query: '?topics=task:4711,overview',
    response: 'event: version\nid: 1\ndata: {"topic":"task:4711","version":"3.17.0"}\n\n',
  },
  async handle(request) {
    const { credentials, events, headers, principal, query, signal } = request;
    const given = headers['last-event-id'];
    if (given !== undefined && !/^\d{1,15}$/.test(String(given)))
      throw new Problem('REQUEST_INVALID', 'Last-Event-ID is none of this stream: send it as it was received');
    const stream = await events.open({
      principal,
      credentials,
      topics: parseTopics(query.topics),
      comesBack: given !== undefined,
      signal,
    });
    return {
      body: stream.body,
      // A proxy that gathers what it passes on would hold the events back.
      headers: { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no', connection: 'close' },
    };
  },
});
