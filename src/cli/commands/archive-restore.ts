import type { Command } from 'commander';
import type { RestoreOutcome } from '../../archive/restore.ts';
import { actView } from '../../engine/act-view.ts';
import { type ActFlags, operatorCommand } from '../operator-command.ts';
import { STATUS } from '../report-error.ts';
import { keptSecondsOf } from '../seconds-option.ts';
import { toMinute } from '../table.ts';
import { print, withClient } from '../with-client.ts';

interface Options extends ActFlags {
  keep: string;
}

/** `tasker archive restore <task>`: brings a task back into the database. */
export function archiveRestoreCommand(exit: (status: number) => void): Command {
  return operatorCommand('restore', 'bring a task back from the archive, with the other tasks of its identity')
    .option('--keep <time>', 'for how long retention leaves it alone: 12h, 30d', '7d')
    .action(async (taskId: string, { keep, by, reason, dryRun = false, json }: Options) => {
      const keepSeconds = keptSecondsOf('--keep', keep);
      const outcome = await withClient((client) => client.archive.restore(taskId, { keepSeconds, by, reason, dryRun }));
      print({ task_id: taskId, ...actView(outcome) }, json, () => asText(taskId, outcome, dryRun));
      exit(STATUSES[outcome.outcome]);
    });
}

const STATUSES: Readonly<Record<RestoreOutcome['outcome'], number>> = {
  restored: STATUS.ok,
  alive: STATUS.ok,
  not_found: STATUS.notFound,
  identity_taken: STATUS.refused,
  identity_incomplete: STATUS.refused,
  id_taken: STATUS.refused,
};

function asText(taskId: string, outcome: RestoreOutcome, dryRun: boolean): string {
  switch (outcome.outcome) {
    case 'restored': {
      const others = outcome.taskIds.filter((id) => id !== taskId);
      const and = others.length === 0 ? '' : `, and ${others.join(', ')} of the same identity`;
      if (dryRun) return `would restore task ${taskId}${and}; nothing was changed`;
      return `task ${taskId} is in the database again${and}; retention leaves it alone until ${toMinute(outcome.keepUntil)}`;
    }
    case 'alive':
      return `task ${taskId} is in the database already`;
    case 'not_found':
      return `there is no task ${taskId}, neither in the archive nor in the database`;
    case 'identity_taken':
      return `task ${taskId} stays in the archive: task ${outcome.by} has its identity now, and two tasks cannot have one. Archive or purge that one first, or look at this one with tasker archive show ${taskId}`;
    case 'identity_incomplete':
      return `task ${taskId} stays in the archive: the first task of its identity was purged, and a submit would begin beside this one. Look at it with tasker archive show ${taskId}`;
    case 'id_taken':
      return `task ${taskId} stays in the archive: another task has its id now, because the database was restored to a time before this one existed. Look at it with tasker archive show ${taskId}`;
  }
}
