import { Command } from 'commander';
import { amountOf } from '../amount-of.ts';
import { ConfigError } from '../../errors.ts';
import type { PurgeReport } from '../../client/purge.ts';
import { byOption } from '../operator-command.ts';
import { STATUS } from '../report-error.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface PurgeFlags {
  task?: string[];
  tag?: string;
  open?: boolean;
  dryRun?: boolean;
  json?: boolean;
  by: string;
  reason?: string;
}

/** Tasks that the text for people names. */
const NAMED = 20;

/** `tasker purge --task <id> | --tag <tag>`: removes tasks for good. */
export function purgeCommand(exit: (status: number) => void): Command {
  return byOption(withJson(new Command('purge')))
    .description('remove tasks for good, with their input, results and history, from the archive as well')
    .option('--task <id...>', 'these tasks')
    .option('--tag <tag>', 'every task with this tag')
    .option('--open', 'also tasks that have not ended or are in error; what runs of them is aborted')
    .option('--reason <text>', 'why; kept in the audit')
    .option('--dry-run', 'remove nothing, and report what would be removed')
    .action(async ({ task, tag, open = false, dryRun = false, json, by, reason }: PurgeFlags) => {
      const selection = task === undefined ? { tag: tag as string } : { taskIds: task };
      if ((task === undefined) === (tag === undefined)) {
        throw new ConfigError('tasker purge needs either --task or --tag: give one of the two');
      }
      const report = await withClient((client) => client.purge(selection, { open, dryRun, by, reason }));
      print(asWire(report), json, () => asText(report, dryRun));
      exit(statusOf(report));
    });
}

function asWire({ kept, keptTasks, ...report }: PurgeReport) {
  return {
    ...report,
    kept_tasks: keptTasks,
    kept: kept.map(({ taskId, reason, state, heldBy, hold }) => ({
      task_id: taskId,
      reason,
      state,
      held_by: heldBy,
      ...(hold === undefined ? {} : { hold: { hold_id: hold.holdId, tag: hold.tag, reason: hold.reason } }),
    })),
  };
}

function asText(report: PurgeReport, dryRun: boolean): string {
  const { tasks, steps, edges, transitions, kept, keptTasks, missing, archived } = report;
  const rows = `${amountOf(tasks, 'task')}, with ${amountOf(steps, 'step')}, ${amountOf(edges, 'edge')} and ${amountOf(transitions, 'transition')}`;
  const lines = [dryRun ? `would purge ${rows}; nothing was removed` : `purged ${rows}`];
  if (archived.tasks > 0) {
    lines.push(
      dryRun
        ? `would purge ${amountOf(archived.tasks, 'task')} of the archive, in ${amountOf(archived.objects, 'object')}`
        : `purged ${amountOf(archived.tasks, 'task')} of the archive, and wrote ${amountOf(archived.objects, 'object')} anew without ${archived.tasks === 1 ? 'it' : 'them'}`,
    );
  }
  if (keptTasks > 0) lines.push(`kept ${amountOf(keptTasks, 'task')}:`);
  for (const task of kept.slice(0, NAMED)) lines.push(`  ${task.taskId} ${whyKept(task)}`);
  if (keptTasks > NAMED) lines.push(`  and ${keptTasks - NAMED} more (--json names up to 1,000)`);
  if (missing.length > 0) lines.push(`there is no task ${missing.join(', ')}`);
  return lines.join('\n');
}

function whyKept({ reason, state, heldBy, hold }: PurgeReport['kept'][number]): string {
  if (hold !== undefined) {
    const about = hold.tag === undefined ? '' : ` on ${hold.tag}`;
    return `is kept by hold ${hold.holdId}${about} (${hold.reason}): it stays until that ends (tasker hold remove ${hold.holdId})`;
  }
  if (reason === 'identity')
    return `is the first task of an identity that task ${heldBy} holds: purge that one as well`;
  return state === 'error'
    ? 'is in error: resolve it, or retry it and wait, or purge with --open'
    : 'has not ended: wait, cancel or resolve it, or purge with --open';
}

function statusOf({ tasks, keptTasks, missing, archived }: PurgeReport): number {
  if (keptTasks > 0) return STATUS.refused;
  return tasks + archived.tasks === 0 && missing.length > 0 ? STATUS.notFound : STATUS.ok;
}
