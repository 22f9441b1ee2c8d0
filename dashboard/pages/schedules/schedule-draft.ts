import type { Schedule } from '../../api/types.ts';

/** What the form has: texts as they are typed. */
export interface Draft {
  readonly key: string;
  readonly cron: string;
  readonly timezone: string;
  /** `namespace/name`. */
  readonly workflow: string;
  /** Empty: the newest that is served; `>1.0.0`: that or a later one; `=1.0.0`: always that. */
  readonly version: string;
  /** JSON; empty: as it is stored. */
  readonly input: string;
  readonly overlap: 'allow' | 'skip';
  readonly makeUp: 'all' | 'last' | 'skip';
  readonly window: string;
  readonly tags: string;
  readonly priority: string;
  readonly taskReason: string;
  readonly paused: boolean;
  readonly takeOver: boolean;
}

const DEFAULT_WINDOW_SECONDS = 600;

/** Of a schedule as it was read; undefined: of a new one. */
export function draftOf(schedule: Schedule | undefined): Draft {
  if (schedule === undefined) {
    return {
      key: '',
      cron: '',
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      workflow: '',
      version: '',
      input: '{}',
      overlap: 'allow',
      makeUp: 'all',
      window: '',
      tags: '',
      priority: '',
      taskReason: '',
      paused: false,
      takeOver: false,
    };
  }
  const { make_up: makeUp, make_up_window_seconds: window, made_with: madeWith } = schedule;
  return {
    key: schedule.key,
    cron: schedule.cron,
    timezone: schedule.timezone,
    workflow: `${schedule.namespace}/${schedule.workflow}`,
    version: `${schedule.version_policy === 'pinned' ? '=' : '>'}${madeWith}`,
    // Not the input that was read: what is hidden in it, and what a number of JavaScript has made of it, would be stored.
    input: '',
    overlap: schedule.overlap === 'skip' ? 'skip' : 'allow',
    makeUp: makeUp === 'last' || makeUp === 'skip' ? makeUp : 'all',
    window: makeUp === 'skip' || window === DEFAULT_WINDOW_SECONDS ? '' : String(window),
    tags: schedule.tags.join(', '),
    priority: schedule.priority === null ? '' : String(schedule.priority),
    taskReason: schedule.task_reason ?? '',
    paused: schedule.paused_at !== null,
    takeOver: false,
  };
}

/** Why the input cannot be sent; undefined: it can. */
export function inputProblem(input: string): string | undefined {
  if (input.trim() === '') return undefined;
  try {
    JSON.parse(input);
    return undefined;
  } catch (error) {
    return `This is no JSON yet: ${(error as Error).message}`;
  }
}

/** The body of the request, as text: the input stays as it is written. */
export function requestText(draft: Draft, schedule: Schedule | undefined, reason: string): string {
  const slash = draft.workflow.indexOf('/');
  const wasPaused = schedule !== undefined && schedule.paused_at !== null;
  const tags = draft.tags
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
  const body = {
    cron: draft.cron.trim(),
    timezone: draft.timezone.trim(),
    namespace: draft.workflow.slice(0, slash),
    workflow: draft.workflow.slice(slash + 1),
    ...(draft.version === ''
      ? {}
      : { version: draft.version.slice(1), version_policy: draft.version.startsWith('=') ? 'pinned' : 'latest' }),
    overlap: draft.overlap,
    make_up: draft.makeUp,
    ...(draft.makeUp === 'skip' || draft.window === '' ? {} : { make_up_window_seconds: Number(draft.window) }),
    ...(tags.length === 0 ? {} : { tags }),
    ...(draft.priority === '' ? {} : { priority: Number(draft.priority) }),
    ...(draft.taskReason.trim() === '' ? {} : { task_reason: draft.taskReason.trim() }),
    ...(draft.paused === wasPaused ? {} : { paused: draft.paused }),
    ...(draft.takeOver ? { take_over: true } : {}),
    ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
  };
  const text = JSON.stringify(body);
  return draft.input.trim() === '' ? text : `${text.slice(0, -1)},"input":${draft.input}}`;
}
