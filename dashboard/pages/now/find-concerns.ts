import type { Attention, FailureGroup, Overview } from '../../api/types.ts';
import { formatAge, formatCount, formatReady, formatSeconds, plural, sentence } from '../../format.ts';

/** Something that a person should look at. */
export interface Concern {
  readonly key: string;
  /** `bad`: something does not run that should. `attention`: it will be bad, or somebody did it on purpose. */
  readonly level: 'bad' | 'attention';
  readonly title: string;
  readonly text: string;
  readonly href: string;
  readonly link: string;
  /** When it was seen last. */
  readonly at?: string | undefined;
}

/** What the API says that needs somebody, the worst first. */
export function concernsOf(overview: Pick<Overview, 'attention' | 'workers' | 'ready' | 'ready_is'>): Concern[] {
  const { attention, workers } = overview;
  const { failures, unserved_versions: versions, unserved_queues: queues, silent, paused, schedules } = attention;
  return [
    ...missingRoles(overview),
    ...failures.groups.filter(({ blocked }) => blocked > 0).map(ofFailures),
    ...moreFailures(failures),
    ...versions.map(ofVersion),
    // Without any worker that is one concern, and not one for each queue.
    ...(workers === 0 ? [] : queues.map(ofQueue)),
    ...attention.operations.filter(({ state }) => state === 'stopped').map(ofOperation),
    ...schedules.map(ofSchedule),
    ...ofDoctor(attention.doctor),
    ...silent.map(ofSilent),
    ...failures.groups.filter(({ blocked }) => blocked === 0).map(ofFailures),
    ...attention.operations.filter(({ state }) => state !== 'stopped').map(ofOperation),
    ...paused.map(ofPause),
  ];
}

function missingRoles(overview: Pick<Overview, 'attention' | 'workers' | 'ready' | 'ready_is'>): Concern[] {
  const { workers, ready } = overview;
  const { no_scheduler: noScheduler } = overview.attention;
  const concerns: Concern[] = [];
  if (noScheduler) {
    concerns.push({
      key: 'no-scheduler',
      level: 'bad',
      title: 'No scheduler is alive',
      text: 'Retries do not become ready, steps of dead workers are not taken back, and no schedule submits. Start `tasker scheduler`.',
      href: 'workers',
      link: 'See the processes',
    });
  }
  if (workers === 0 && ready > 0) {
    concerns.push({
      key: 'no-worker',
      level: 'bad',
      title: `No worker is alive, and ${stepsAreReady(overview)}`,
      text: 'Nothing runs until one is started: `tasker worker`.',
      href: 'queues',
      link: 'See the queues',
    });
  }
  return concerns;
}

export function ofFailures(group: FailureGroup): Concern {
  const {
    fingerprint,
    namespace,
    workflow,
    step,
    steps,
    blocked,
    name,
    message,
    last_seen: at,
    sample_task_id: sample,
  } = group;
  const isBlocked = blocked > 0;
  return {
    key: `failures ${fingerprint ?? name} ${namespace}/${workflow} ${step}`,
    level: isBlocked ? 'bad' : 'attention',
    title: isBlocked
      ? `${plural(blocked, 'step')} blocked${steps === blocked ? '' : `, ${formatCount(steps - blocked)} in backoff`}: ${step} of ${namespace}/${workflow}`
      : `${plural(steps, 'step')} in backoff: ${step} of ${namespace}/${workflow}`,
    text: [name ?? 'An error that is not recorded', message ?? ''].filter((part) => part !== '').join(': '),
    // One is mended where it is.
    ...(steps === 1
      ? { href: `tasks/${sample}?step=${encodeURIComponent(step)}`, link: 'See the task' }
      : { href: 'failures', link: isBlocked ? 'See the cause, retry all' : 'See the cause' }),
    at,
  };
}

const moreFailures = ({ more_groups: more }: Attention['failures']): Concern[] =>
  more === 0
    ? []
    : [
        {
          key: 'more failures',
          level: 'attention',
          title: `${plural(more, 'more cause')} of failures`,
          text: 'Smaller than these.',
          href: 'failures',
          link: 'See all causes',
        },
      ];

function ofVersion({
  namespace,
  workflow,
  version,
  ready,
  oldest_ready_seconds: age,
  problems,
}: Attention['unserved_versions'][number]): Concern {
  const name = `${namespace}/${workflow}@${version}`;
  return {
    key: `version ${name}`,
    level: 'bad',
    title: `No live worker can run ${name}: ${plural(ready, 'ready step')}, the oldest for ${formatSeconds(age)}`,
    text: problems[0] ?? 'Start a worker that has its handlers, or move the tasks to another version.',
    href: 'workflows',
    link: 'See who runs what',
  };
}

function ofQueue(unserved: Attention['unserved_queues'][number]): Concern {
  const { queue, oldest_ready_seconds: age } = unserved;
  return {
    key: `queue ${queue}`,
    level: 'bad',
    title: `No worker serves the queue ${queue}`,
    text: sentence(`${stepsAreReady(unserved)} there, the oldest for ${formatSeconds(age)}`),
    href: `queues/${encodeURIComponent(queue)}`,
    link: 'See the queue',
  };
}

/** `1 step is ready`, `about 675,000 steps are ready`. */
const stepsAreReady = (depth: Pick<Overview, 'ready' | 'ready_is'>): string =>
  `${formatReady(depth)} ${depth.ready === 1 ? 'step is' : 'steps are'} ready`;

const ofSchedule = ({ key, problem }: Attention['schedules'][number]): Concern => ({
  key: `schedule ${key}`,
  level: 'bad',
  title: `The schedule ${key} does not fire`,
  text: sentence(problem),
  href: 'schedules',
  link: 'See the schedules',
});

function ofOperation({ operation_id: id, action, state, total, done, why }: Attention['operations'][number]): Concern {
  const stopped = state === 'stopped';
  return {
    key: `operation ${id}`,
    level: stopped ? 'bad' : 'attention',
    title: stopped
      ? `A bulk ${action} has stopped by itself`
      : `A bulk ${action} ${state === 'paused' ? 'is paused' : 'is under way'}`,
    text: [`${formatCount(done)} of ${plural(total, 'task')} done`, why ?? '']
      .filter((part) => part !== '')
      .map(sentence)
      .join(' '),
    href: `operations/${id}`,
    link: 'See the operation',
  };
}

const ofDoctor = (doctor: Attention['doctor']): Concern[] =>
  doctor === null || doctor.findings === 0
    ? []
    : [
        {
          key: 'doctor',
          level: 'bad',
          title: `The doctor found ${plural(doctor.findings, 'contradiction')} in the data`,
          text: 'An invariant of the engine does not hold.',
          href: 'doctor',
          link: 'See the findings',
          at: doctor.as_of,
        },
      ];

const ofSilent = ({
  worker_id: id,
  role,
  name,
  silent_seconds: silent,
  busy_slots: busy,
}: Attention['silent'][number]): Concern => ({
  key: `silent ${id}`,
  level: 'attention',
  title: `The ${role} ${name} is silent for ${formatSeconds(silent)}`,
  text:
    busy === 0
      ? 'It holds nothing.'
      : `It holds ${plural(busy, 'step')}: when its lease ends, a scheduler takes them back by itself.`,
  href: 'workers',
  link: 'See the processes',
});

const ofPause = ({ kind, name, by, reason, until }: Attention['paused'][number]): Concern => ({
  key: `pause ${kind} ${name}`,
  level: 'attention',
  title: `The ${kind} ${name} is paused${until === null ? '' : `, for ${formatAge((Date.parse(until) - Date.now()) / 1000)} more`}`,
  text: [by === '' ? '' : `by ${by}`, reason ?? ''].filter((part) => part !== '').join(': ') || 'No reason was given.',
  href: kind === 'queue' ? `queues/${encodeURIComponent(name)}` : 'workflows',
  link: kind === 'queue' ? 'See the queue' : 'See the workflows',
});
