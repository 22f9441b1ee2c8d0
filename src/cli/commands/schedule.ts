import { Command } from 'commander';
import { InvalidInputError } from '../../errors.ts';
import { loadWorkflows } from '../load-workflows.ts';
import { readJson } from '../read-json.ts';
import { STATUS } from '../report-error.ts';
import { table } from '../table.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker schedule add|remove|list`: workflows that are submitted by cron. */
export function scheduleCommand(exit: (status: number) => void): Command {
  const command = new Command('schedule').description('submit workflows by cron');
  command.addCommand(
    withJson(new Command('add'))
      .description('create or replace a schedule')
      .argument('<key>', 'its name')
      .argument('<cron>', 'cron expression of five fields')
      .argument('<workflow>', 'name of a workflow that the modules export')
      .requiredOption('-w, --workflows <modules...>', 'modules that export the definition')
      .option('--tz <zone>', 'IANA time zone', 'UTC')
      .option('-i, --input <json>', 'the input of each task: JSON, @file, or - for standard input', '{}')
      .action(
        async (
          key: string,
          cron: string,
          name: string,
          options: { workflows: string[]; tz: string; input: string; json?: boolean },
        ) => {
          const definition = (await loadWorkflows(options.workflows)).findLast((candidate) => candidate.name === name);
          if (definition === undefined)
            throw new InvalidInputError(`the modules export no workflow named ${name}`, { field: 'workflow' });
          const input = (await readJson('--input', 'input', options.input)) as never;
          await withClient((client) => client.schedule(definition, { key, cron, timezone: options.tz, input }));
          print({ key, cron, timezone: options.tz }, options.json, () => `schedule ${key}: ${cron} (${options.tz})`);
          exit(STATUS.ok);
        },
      ),
  );
  command.addCommand(
    withJson(new Command('remove'))
      .argument('<key>')
      .description('remove a schedule')
      .action(async (key: string, options: { json?: boolean }) => {
        await withClient((client) => client.unschedule(key));
        print({ key, removed: true }, options.json, () => `schedule ${key} removed`);
        exit(STATUS.ok);
      }),
  );
  command.addCommand(
    withJson(new Command('list'))
      .description('list schedules')
      .action(async (options: { json?: boolean }) => {
        const schedules = await withClient((client) => client.schedules());
        print(schedules, options.json, (list) =>
          table(
            ['KEY', 'CRON', 'TIME ZONE', 'WORKFLOW'],
            list.map(({ key, cron, timezone, data }) => [
              key,
              cron,
              timezone,
              (data as { workflow?: string }).workflow ?? '',
            ]),
          ),
        );
        exit(STATUS.ok);
      }),
  );
  return command;
}
