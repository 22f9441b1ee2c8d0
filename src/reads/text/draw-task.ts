import type { TaskDetails } from '../task.ts';
import type { StoredError } from '../../workflow/describe-thrown.ts';
import { preview } from '../../workflow/preview.ts';
import { fillLink, type LinkTemplates } from '../../tracing/links.ts';
import { duration } from './duration.ts';

const retryText = (seconds: number): string =>
  seconds >= 0 ? `next retry in ${duration(seconds)}` : `retry overdue by ${duration(-seconds)}`;

/** Of a result, in characters: what a terminal shows of it without becoming a document. */
const MOST_OF_A_RESULT = 200;

/** What to show of a task beside its graph. */
interface Shown {
  /** The stacks of errors. */
  readonly stack?: boolean | undefined;
  /** The result of each step, in one line. */
  readonly results?: boolean | undefined;
}

/** A task as text: one line a step, indented by its distance from a root, with what it waits for or failed with below. */
export function drawTask(task: TaskDetails, shown: Shown = {}, links: LinkTemplates = {}): string {
  const depth = new Map<string, number>();
  for (const step of task.steps) {
    depth.set(step.name, Math.max(0, ...step.parents.map((parent) => (depth.get(parent) ?? 0) + 1)));
  }
  const lines = [
    `task ${task.task_id}  ${task.namespace}/${task.workflow}@${task.version}  ${task.state}  requested ${task.requested_at.toISOString()}${tookText(task)}`,
    ...(task.replaces === null ? [] : [`  took over the identity of task ${task.replaces}`]),
    ...(task.superseded_by === null
      ? []
      : [`  task ${task.superseded_by} took over its identity; this one does not go on`]),
  ];
  if (task.schedule !== null) {
    const { name, scheduled_at: at, made_up: madeUp } = task.schedule;
    lines.push(`  of schedule ${name} for ${at}${madeUp ? ', made up for later' : ''}`);
  }
  lines.push(...traceLines(task, links));
  for (const step of task.steps) {
    const indent = '  '.repeat((depth.get(step.name) ?? 0) + 1);
    const notes = [
      step.parents.length > 0 ? `<- ${step.parents.join(', ')}` : '',
      step.attempts > 0 ? `attempt ${step.attempts} of ${step.retry_limit}` : '',
      step.ready ? `ready in queue ${step.queue}` : '',
      step.claimed_by === null ? '' : `at worker ${step.claimed_by}`,
      step.next_retry_at === null ? '' : retryText((step.next_retry_at.getTime() - Date.now()) / 1000),
      step.blocked_at === null ? '' : 'no retry will come',
    ].filter((note) => note !== '');
    lines.push(
      `${indent}${SYMBOLS[step.state] ?? '?'} ${step.name}  ${step.state}${notes.length === 0 ? '' : `  (${notes.join('; ')})`}`,
    );
    if (step.state === 'error' && step.last_error !== null) {
      lines.push(...errorLines(step.last_error, shown.stack === true).map((line) => `${indent}    ${line}`));
    }
    if (shown.results === true && step.results !== null && step.results !== undefined) {
      lines.push(`${indent}    ${resultText(step.results)}`);
    }
  }
  return lines.join('\n');
}

const tookText = ({ requested_at: from, completed_at: to }: TaskDetails): string =>
  to === null ? '' : `, took ${duration((to.getTime() - from.getTime()) / 1000)}`;

/** A result in one line, cut to what a terminal shows well. */
export const resultText = (result: unknown): string => preview(result, MOST_OF_A_RESULT);

function traceLines({ task_id, trace_id }: TaskDetails, { traceUrl, logUrl }: LinkTemplates): string[] {
  const trace = trace_id === null ? undefined : (fillLink(traceUrl, { trace_id }) ?? trace_id);
  const logs = fillLink(logUrl, trace_id === null ? { task_id } : { task_id, trace_id });
  return [...(trace === undefined ? [] : [`  trace ${trace}`]), ...(logs === undefined ? [] : [`  logs ${logs}`])];
}

/** An error with the errors that caused it, the outermost first. */
function errorLines({ name, message, stack, cause, note }: StoredError, withStack: boolean): string[] {
  const frames = withStack ? (stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) : [];
  return [
    `${name}: ${message}`,
    ...(note === undefined ? [] : [`  (${note})`]),
    ...frames.map((frame) => `  ${frame.trim()}`),
    ...(cause === undefined
      ? []
      : errorLines(cause, withStack).map((line, at) => (at === 0 ? `caused by ${line}` : line))),
  ];
}

const SYMBOLS: Record<string, string> = {
  pending: '.',
  in_progress: '>',
  complete: '+',
  error: '!',
  cancelled: 'x',
  resolved_manually: '=',
};
