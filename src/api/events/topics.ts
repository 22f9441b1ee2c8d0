import type { FleetTopic } from '../../db/reads/topic-versions.ts';
import type { Permission, Principal } from '../permissions.ts';
import { Problem } from '../problem.ts';

/** Most topics of one stream. */
export const MOST_TOPICS = 50;

/** Topics of the fleet: what it takes to watch one, and whether it is about more than one namespace. */
export const FLEET_TOPICS: Readonly<
  Record<FleetTopic | 'overview' | 'queues', { permission: Permission; fleet: boolean }>
> = {
  overview: { permission: 'fleet:read', fleet: true },
  queues: { permission: 'fleet:read', fleet: true },
  workers: { permission: 'fleet:read', fleet: true },
  pauses: { permission: 'fleet:read', fleet: true },
  workflows: { permission: 'fleet:read', fleet: false },
  schedules: { permission: 'fleet:read', fleet: false },
  tasks: { permission: 'tasks:read', fleet: false },
  operations: { permission: 'tasks:read', fleet: false },
  failures: { permission: 'tasks:read', fleet: false },
  audit: { permission: 'admin', fleet: true },
};

const TASK = /^task:(\d{1,18})$/;

/** The task that a topic is about; undefined: it is one of the fleet. */
export function taskOf(topic: string): string | undefined {
  return TASK.exec(topic)?.[1];
}

/** `a,b` as topics, each once. Throws Problem for one that does not exist. */
export function parseTopics(text: string): string[] {
  const topics = [...new Set(text.split(',').map((topic) => topic.trim()))].filter((topic) => topic !== '');
  const unknown = topics.find((topic) => taskOf(topic) === undefined && !Object.hasOwn(FLEET_TOPICS, topic));
  const known = `task:<id>, ${Object.keys(FLEET_TOPICS).join(', ')}`;
  if (unknown !== undefined || topics.length === 0) {
    const given = unknown === undefined ? 'no topic' : `the topic ${JSON.stringify(unknown.slice(0, 100))}`;
    throw invalid(`${given}: give some of ${known}`);
  }
  if (topics.length > MOST_TOPICS) throw invalid(`${topics.length} topics: give at most ${MOST_TOPICS}`);
  return topics;
}

function invalid(detail: string): Problem {
  return new Problem('REQUEST_INVALID', detail, { errors: [{ pointer: 'topics', detail }] });
}

/** Throws Problem for a topic of the fleet that the principal may not watch. Those of tasks are looked up. */
export function checkTopic(topic: string, { permissions, namespaces, role }: Principal): void {
  const { permission, fleet } = Object.hasOwn(FLEET_TOPICS, topic)
    ? FLEET_TOPICS[topic as keyof typeof FLEET_TOPICS]
    : { permission: 'tasks:read' as const, fleet: false };
  if (!permissions.has(permission))
    throw new Problem('FORBIDDEN', `the topic ${topic} needs ${permission}, which the role ${role} does not have`);
  if (fleet && namespaces !== undefined)
    throw new Problem(
      'FORBIDDEN',
      `the topic ${topic} is about the whole fleet, and whoever asks may see some namespaces only`,
    );
}
