import { Command } from 'commander';
import { installationOf } from '../../db/installation.ts';
import { CHECKS, examine } from '../../db/doctor/examine.ts';
import type { Mend } from '../../db/doctor/mends/index.ts';
import { countLiveSchedulers } from '../../reads/schedulers.ts';
import { noteSource } from '../note-source.ts';
import { STATUS } from '../report-error.ts';
import { wholeNumber } from '../whole-number.ts';
import { warnOfNoScheduler } from '../warn-of-no-scheduler.ts';
import { print, withClient, withJson } from '../with-client.ts';
import { drawConnections, reportConnections } from '../connection-report.ts';

interface Options {
  examples: string;
  connections?: boolean;
  workers?: string;
  schedulers?: string;
  json?: boolean;
  mend?: boolean;
}

/** `tasker doctor`: checks every invariant of the data; with --connections, the connection budget instead. */
export function doctorCommand(exit: (status: number) => void): Command {
  return withJson(new Command('doctor'))
    .description('check every invariant of the data, read-only, in one snapshot; status 1 on a violation')
    .option(
      '--mend',
      'print the statements that mend what was found, to be read and run by you: nothing is changed here',
    )
    .option('--examples <n>', 'how many violations of each to show', '5')
    .option(
      '-c, --connections',
      'check the connection budget instead: what the fleet may open against what the server allows',
    )
    .option('--workers <n>', 'with --connections: for this many workers (default: those that live)')
    .option('--schedulers <n>', 'with --connections: for this many schedulers (default: those that live)')
    .action(async (options: Options) => {
      if (options.connections === true) {
        const size = { ...count('workers', options.workers), ...count('schedulers', options.schedulers) };
        const report = await withClient((client) => reportConnections(client.db, size));
        print(report, options.json, drawConnections);
        exit(report.problems.length === 0 ? STATUS.ok : STATUS.failed);
        return;
      }
      const shown = wholeNumber('--examples', options.examples, 0, 1000);
      const { value, source } = await withClient(({ reports }) =>
        reports.read(async (db) => ({
          schedulers: await countLiveSchedulers(db),
          installation: await installationOf(db),
          findings: await examine(db, { examples: shown }),
        })),
      );
      const { installation, findings, schedulers } = value;
      const { installationId, createdAt } = installation;
      const report = {
        installation: { installation_id: installationId, created_at: createdAt },
        ...(source.asOf === undefined ? {} : { as_of: source.asOf }),
        checks: CHECKS.length,
        findings,
      };
      print(report, options.json, () => {
        const which = `installation ${installationId}, made ${createdAt.toISOString()}`;
        if (findings.length === 0) return `${which}\n${CHECKS.length} checks, no violation`;
        return `${which}\n${findings
          .map(({ id, title, why, violations, examples, mend }) =>
            [
              `${id}: ${violations === 1000 ? '1000 or more' : violations} violation(s) of "${title}"`,
              `  ${why}`,
              ...examples.map((example) => `  ${JSON.stringify(example)}`),
              ...wayOut(mend, options.mend === true),
            ].join('\n'),
          )
          .join('\n')}`;
      });
      noteSource(source);
      warnOfNoScheduler(schedulers);
      exit(findings.length === 0 ? STATUS.ok : STATUS.failed);
    });
}

function wayOut(mend: Mend, wanted: boolean): string[] {
  if ('command' in mend) return [`  way out: ${mend.command}`];
  if (!wanted) return ['  way out: the statements that doctor --mend prints'];
  return [
    '  way out, in one transaction, with the fleet stopped and a backup at hand:',
    ...mend.sql.split('\n').map((line) => `    ${line}`),
  ];
}

function count(name: 'workers' | 'schedulers', text: string | undefined): { [Name in typeof name]?: number } {
  if (text === undefined) return {};
  return { [name]: wholeNumber(`--${name}`, text, 0, 999_999) };
}
