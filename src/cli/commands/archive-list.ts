import { Command } from 'commander';
import type { ArchiveRow } from '../../db/statements/archive/records.ts';
import { byteText } from '../bytes.ts';
import { STATUS } from '../report-error.ts';
import { table, toMinute } from '../table.ts';
import { TIME_ARGUMENT, timeOf } from '../time-option.ts';
import { wholeNumber } from '../whole-number.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface Options {
  since?: string;
  before?: string;
  after?: string;
  limit: string;
  json?: boolean;
}

/** `tasker archive list`: the objects of the archive. */
export function archiveListCommand(exit: (status: number) => void): Command {
  return withJson(new Command('list'))
    .description('list the objects of the archive, the newest first')
    .option('--since <time>', `only objects with tasks requested from this time on: ${TIME_ARGUMENT}`)
    .option('--before <time>', 'only objects with tasks requested before this time')
    .option('--after <id>', 'the next page: the id of the last object of the one before')
    .option('--limit <n>', 'how many, at most 1,000', '50')
    .action(async ({ since, before, after, limit, json }: Options) => {
      const objects = await withClient((client) =>
        client.archive.list({
          since: since === undefined ? undefined : timeOf('--since', since),
          before: before === undefined ? undefined : timeOf('--before', before),
          after,
          limit: wholeNumber('--limit', limit, 1, 1000),
        }),
      );
      print(objects, json, drawObjects);
      exit(STATUS.ok);
    });
}

function drawObjects(objects: readonly ArchiveRow[]): string {
  return table(
    ['ID', 'STORED', 'TASKS', 'IDS', 'REQUESTED', 'SIZE', 'OBJECT'],
    objects.map((row) => [
      row.archive_id,
      toMinute(row.stored_at),
      String(row.tasks),
      `${row.lowest_task_id}-${row.highest_task_id}`,
      `${toMinute(row.requested_since)} to ${toMinute(row.requested_until)}`,
      byteText(Number(row.bytes)),
      row.object,
    ]),
    'no objects',
  );
}
