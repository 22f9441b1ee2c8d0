import type { FailureGroup, FleetProcess, Overview, WorkflowVersion } from '../../api/types.ts';
import { formatAge, formatSeconds, plural } from '../../format.ts';

/** As `/v1/pauses` has it. */
export interface Paused {
  readonly kind: string;
  readonly name: string;
  readonly by: string | null;
  readonly reason: string | null;
  readonly until: string | null;
}

/** Something that a person should look at. */
export interface Concern {
  readonly key: string;
  /** `bad`: something does not run that should. `attention`: it will be bad, or somebody did it on purpose. */
  readonly level: 'bad' | 'attention';
  readonly title: string;
  readonly text: string;
  readonly href: string | undefined;
  readonly link: string;
  /** When it was seen last. */
  readonly at?: string | undefined;
}

/** A process sends a heartbeat each second or two; its lease is longer. */
const SILENT_SECONDS = 6;

export function concernsOf(found: {
  failures: readonly FailureGroup[] | undefined;
  overview: Overview | undefined;
  processes: readonly FleetProcess[] | undefined;
  pauses: readonly Paused[] | undefined;
  versions: readonly WorkflowVersion[] | undefined;
}): Concern[] {
  const { failures = [], overview, processes = [], pauses = [], versions = [] } = found;
  return [
    ...missingRoles(overview),
    ...failures.filter(({ blocked }) => blocked > 0).map(ofFailures),
    ...versions.flatMap(ofVersion),
    ...processes.filter((each) => each.silent_seconds > SILENT_SECONDS).map(ofSilent),
    ...failures.filter(({ blocked }) => blocked === 0).map(ofFailures),
    ...pauses.map(ofPause),
  ];
}

function missingRoles(overview: Overview | undefined): Concern[] {
  if (overview === undefined) return [];
  const concerns: Concern[] = [];
  if (overview.schedulers === 0) {
    concerns.push({
      key: 'no-scheduler',
      level: 'bad',
      title: 'No scheduler is alive',
      text: 'Retries do not become ready, steps of dead workers are not taken back, and no schedule submits. Start `tasker scheduler`.',
      href: undefined,
      link: '',
    });
  }
  if (overview.workers === 0 && overview.ready > 0) {
    concerns.push({
      key: 'no-worker',
      level: 'bad',
      title: `No worker is alive, and ${plural(overview.ready, 'step')} ${overview.ready === 1 ? 'is' : 'are'} ready`,
      text: 'Nothing runs until one is started: `tasker worker`.',
      href: undefined,
      link: '',
    });
  }
  return concerns;
}

function ofFailures(group: FailureGroup): Concern {
  const { fingerprint, namespace, workflow, step, steps, blocked, name, message, last_seen: at } = group;
  const isBlocked = blocked > 0;
  return {
    key: `failures ${fingerprint}`,
    level: isBlocked ? 'bad' : 'attention',
    title: isBlocked
      ? `${plural(blocked, 'step')} blocked: ${step} of ${namespace}/${workflow}`
      : `${plural(steps, 'step')} in backoff: ${step} of ${namespace}/${workflow}`,
    text: message === null || message === '' ? name : `${name}: ${message}`,
    href: `tasks?q=${encodeURIComponent(`fingerprint:${fingerprint}`)}`,
    link: isBlocked ? 'See the tasks, retry them' : 'See the tasks',
    at,
  };
}

function ofVersion(version: WorkflowVersion): Concern[] {
  const {
    namespace,
    workflow,
    version: number,
    pending_tasks: pending,
    tasks_in_progress: running,
    problems,
  } = version;
  const open = pending + running;
  if (open === 0 || version.workers.length > 0) return [];
  const name = `${namespace}/${workflow}@${number}`;
  return [
    {
      key: `version ${name}`,
      level: 'bad',
      title: `${plural(open, 'open task')} of ${name}, and no live worker can run it`,
      text: problems[0] ?? 'Start a worker that has its handlers, or move the tasks to another version.',
      href: `tasks?q=${encodeURIComponent(`workflow:${namespace}/${workflow} version:${number} state:pending state:in_progress`)}`,
      link: 'See the tasks',
    },
  ];
}

const ofSilent = ({ worker_id: id, role, name, silent_seconds: silent, busy_slots: busy }: FleetProcess): Concern => ({
  key: `silent ${id}`,
  level: 'attention',
  title: `The ${role} ${name} is silent for ${formatSeconds(silent)}`,
  text:
    busy === 0
      ? 'It holds nothing.'
      : `It holds ${plural(busy, 'step')}: when its lease ends, a scheduler takes them back by itself.`,
  href: undefined,
  link: '',
});

const ofPause = ({ kind, name, by, reason, until }: Paused): Concern => ({
  key: `pause ${kind} ${name}`,
  level: 'attention',
  title: `The ${kind} ${name} is paused${until === null ? '' : `, for ${formatAge((Date.parse(until) - Date.now()) / 1000)} more`}`,
  text:
    [by === null ? '' : `by ${by}`, reason ?? ''].filter((part) => part !== '').join(': ') || 'No reason was given.',
  href: undefined,
  link: '',
});
