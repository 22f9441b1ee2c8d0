import type { ImportReport } from '../import-tasker/report.ts';
import { amountOf } from './amount-of.ts';
import { table } from './table.ts';

/** Left out for what does not pass by itself. */
const PASSING: ReadonlySet<string> = new Set(['in_flight', 'ended_just_now', 'changed']);

/** Whether somebody has to look at what was left out, or at what differs. */
export function importFailed(report: ImportReport): boolean {
  return report.differences.length > 0 || report.left.some(({ reason }) => !PASSING.has(reason));
}

/** The report for people. */
export function drawImport(report: ImportReport): string {
  return [
    `${report.source}: Tasker (Ruby) ${report.release}`,
    headline(report),
    workflows(report),
    names(report),
    notes(report),
    left(report),
    differences(report),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function headline(report: ImportReport): string {
  const count = tasks(report.imported);
  if (report.mode === 'verify')
    return `${tasks(report.already_imported)} compared with their source: ${differencesOf(report)}`;
  if (report.mode === 'undo') return `${count} removed here`;
  const before = report.already_imported === 0 ? '' : `, ${report.already_imported} were here already`;
  if (report.mode === 'import') return `${count} imported${before}`;
  const compared = `${report.compared_steps} steps of open tasks compared with the view of Tasker: ${differencesOf(report)}`;
  return `dry run: ${count} would be imported${before}${report.compared_steps === 0 ? '' : `\n${compared}`}`;
}

const tasks = (count: number): string => amountOf(count, 'task');
const differencesOf = ({ differences: found }: ImportReport): string =>
  found.length === 0 ? 'no difference' : amountOf(found.length, 'difference');

function workflows({ workflows: rows, mode }: ImportReport): string {
  if (rows.length === 0 || mode === 'undo') return '';
  return table(
    ['WORKFLOW', 'VERSION', 'IN TASKER', 'ENDED', 'OPEN', 'READY', 'RETRY', 'BLOCKED'],
    rows.map((row) => [
      row.workflow,
      row.version,
      row.from,
      String(row.ended),
      String(row.open),
      String(row.ready_steps),
      String(row.retrying_steps),
      String(row.blocked_steps),
    ]),
    '',
  );
}

function names({ names: changed, mode }: ImportReport): string {
  if (changed.length === 0 || mode !== 'dry_run') return '';
  return `names here:\n${changed.map(({ kind, from, to }) => `  ${kind} "${from}": ${to}`).join('\n')}`;
}

const NOTES: Readonly<Record<string, string>> = {
  unknown_states_left_out: 'rows of histories with an unknown state were left out',
  most_recent_corrected: 'histories had another row marked as the most recent one than the newest',
  states_from_flags:
    'states were taken from the flags processed, in_process, complete, or from attempts: there is no history of them',
  was_running: 'tasks had a running step, which is blocked now (with --in-flight rerun: runs again, if it may)',
  steps_of_one_name_merged: 'tasks had several steps of one name, which were merged',
  edges_without_a_step_left_out: 'tasks had edges to steps that do not exist, which were left out',
  edges_of_other_names: 'tasks have edges of another name than provides',
  context_was_null: 'tasks had no context: it is {} now',
  bad_edges_left_out: 'ended tasks came without the edges for which they would be left out; these are in the books',
  without_steps: 'ended tasks have no steps',
  identity_without_a_key:
    'open tasks have no text or number at the path of --identity: they keep the identity of Tasker',
  bypass_steps_not_honoured: 'open tasks have bypass_steps, which are not honoured here either (--honour-bypass)',
};

function notes({ notes: counts }: ImportReport): string {
  return Object.entries(counts)
    .map(([note, count]) => `${NOTES[note] ?? note} (${count})`)
    .join('\n');
}

function left({ left: rows }: ImportReport): string {
  return rows
    .map(({ reason, tasks: count, first, details, fix }) => {
      const named = first.map((id) => (details[id] === undefined ? id : `${id}: ${details[id]}`));
      const which = `${named.join(Object.keys(details).length === 0 ? ', ' : '; ')}${count > first.length ? ', ...' : ''}`;
      return `left out (${reason}): ${tasks(count)} (${which}). Each ${fix}`;
    })
    .join('\n');
}

function differences({ differences: rows }: ImportReport): string {
  return rows
    .slice(0, 50)
    .map((row) => `task ${row.source_task_id} of Tasker, here ${row.task_id}: ${row.difference}`)
    .join('\n');
}
