import { createHash } from 'node:crypto';
import type { Client } from '../../client/client.ts';
import type { Config } from '../../config/config.ts';
import { withoutSignal } from '../../db/connections/canceller.ts';
import { findTaskScope } from '../../db/reads/task-documents.ts';
import { findTaskVersions } from '../../db/reads/task-states.ts';
import { readTopicVersions } from '../../db/reads/topic-versions.ts';
import type { Metrics } from '../../metrics/registry.ts';
import type { Authenticate } from '../auth/authenticator.ts';
import { readOverview } from '../overview.ts';
import type { Reports } from '../reports.ts';
import { EventHub } from './event-hub.ts';
import { taskOf } from './topics.ts';

/** A task that somebody watches; what changes slower, or costs more. */
const TASKS_EVERY_MS = 1000;
const FLEET_EVERY_MS = 3000;
/** One row of one table that is empty in general. */
const PAUSES_EVERY_MS = 2000;
const REPORTS_EVERY_MS = 5000;

/** The topics whose version is that of a report which is kept anyway. */
const REPORTS: Readonly<Record<string, (parts: { client: Client; reports: Reports }) => Promise<unknown>>> = {
  overview: ({ client, reports }) => readOverview(client, reports, false),
  queues: ({ reports }) => reports.queues(),
};

/** The hub of a process, with where it reads versions. */
export function eventHub({
  config,
  client,
  reports,
  authenticate,
  metrics,
}: {
  config: Pick<Config, 'apiMaxStreams' | 'apiRecheckSeconds'>;
  client: Client;
  reports: Reports;
  authenticate: Authenticate;
  metrics: Metrics;
}): EventHub {
  const { db } = client;
  return new EventHub({
    authenticate,
    maySee: async (task_id, { namespaces }) => (await db.run(findTaskScope, { task_id, namespaces })).length > 0,
    sources: {
      tasks: {
        everyMs: TASKS_EVERY_MS,
        read: (topics) =>
          withoutSignal(async () => {
            const ids = topics.map((topic) => taskOf(topic) as string);
            const rows = await db.run(findTaskVersions, { task_ids: ids });
            const versions = new Map(rows.map(({ task_id: id, version }) => [id, version]));
            // Ids with zeros in front are the same tasks.
            return new Map(
              topics.flatMap((topic) => {
                const version = versions.get(BigInt(taskOf(topic) as string).toString());
                return version === undefined ? [] : [[topic, version] as const];
              }),
            );
          }),
      },
      pauses: {
        everyMs: PAUSES_EVERY_MS,
        steady: true,
        read: async () => new Map([['pauses', await reports.fleet.pausesVersion()]]),
      },
      fleet: {
        everyMs: FLEET_EVERY_MS,
        read: async (topics) =>
          new Map((await db.run(readTopicVersions, { topics })).map(({ topic, version }) => [topic, version])),
      },
      reports: {
        everyMs: REPORTS_EVERY_MS,
        read: async (topics) =>
          new Map(
            await Promise.all(
              topics.map(async (topic) => [topic, versionOf(await REPORTS[topic]?.({ client, reports }))] as const),
            ),
          ),
      },
    },
    // All of them have pauses in them.
    reportTopics: new Set(Object.keys(REPORTS)),
    mostStreams: config.apiMaxStreams,
    mostOfPrincipal: Math.ceil(config.apiMaxStreams / 5),
    recheckMs: config.apiRecheckSeconds * 1000,
    onSent: (topic) => metrics.count('apiEvents', { topic: taskOf(topic) === undefined ? topic : 'task' }),
    onClosed: (reason) => metrics.count('apiEventStreamsClosed', { reason }),
  });
}

/** Of a report, without the time at which it was read and what grows by itself. */
function versionOf(report: unknown): string {
  const text = JSON.stringify(report, (name, value: unknown) =>
    name === 'as_of' || name.endsWith('_seconds') ? undefined : value,
  );
  return createHash('sha256')
    .update(text ?? '')
    .digest('hex')
    .slice(0, 16);
}
