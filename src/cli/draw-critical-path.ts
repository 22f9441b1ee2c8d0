import type { TaskPath } from '../reads/critical-path/read-critical-path.ts';
import { duration } from '../reads/text/duration.ts';
import { table } from './table.ts';

const percent = (share: number): string => `${Math.round(share * 100)} %`;
const orNothing = (seconds: number): string => (seconds === 0 ? '' : duration(seconds));
/** Steps beside the path that are shown; those with the least room come first. */
const MOST_BESIDE = 10;

/** The critical path of a task as text: a line for each step of it, with what it did with its time. */
export function drawCriticalPath(found: TaskPath): string {
  const { task_id: id, namespace, workflow, version, state, path, totals, slack } = found;
  const head = `task ${id}  ${namespace}/${workflow}@${version}  ${state}`;
  if (path.length === 0) return `${head}\n\nnothing of it has begun`;
  const rows = path.map((step) => [
    step.step,
    step.state,
    duration(step.seconds),
    percent(step.share),
    ...[step.wait, step.work, step.backoff, step.held].map(orNothing),
    String(step.attempts),
  ]);
  const sum = ['', '', duration(found.seconds), '', ...Object.values(totals).map(orNothing), ''];
  const beside = slack.toSorted((a, b) => a.seconds - b.seconds).slice(0, MOST_BESIDE);
  return [
    head,
    '',
    `${found.complete ? 'took' : 'has taken'} ${duration(found.seconds)} along these steps, each of which waited for the one before it:`,
    '',
    table(
      ['STEP', 'STATE', 'TIME', 'SHARE', 'WAITING', 'WORKING', 'BACKOFF', 'BLOCKED', 'ATTEMPTS'],
      found.path.length > 1 ? [...rows, sum] : rows,
      '',
    ),
    ...(beside.length === 0
      ? []
      : [
          '',
          `beside it, with the time by which they could have ended later${slack.length > beside.length ? ` (the least of ${slack.length})` : ''}:`,
          '',
          table(
            ['STEP', 'SLACK'],
            beside.map(({ step, seconds }) => [step, duration(seconds)]),
            '',
          ),
        ]),
  ].join('\n');
}
