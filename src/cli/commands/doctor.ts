import { Command } from 'commander';
import { installationOf } from '../../db/installation.ts';
import { CHECKS, examine } from '../../db/doctor/examine.ts';
import type { Mend } from '../../db/doctor/mends/index.ts';
import { InvalidInputError } from '../../errors.ts';
import { countLiveSchedulers } from '../../reads/schedulers.ts';
import { noteSource } from '../note-source.ts';
import { STATUS } from '../report-error.ts';
import { wholeNumber } from '../whole-number.ts';
import { warnOfNoScheduler } from '../warn-of-no-scheduler.ts';
import { print, withClient, withJson } from '../with-client.ts';
import { loadConfig } from '../../config/load-config.ts';
import { type ConnectionReport, type FleetSize, reportConnections } from '../../reads/connections.ts';
import { drawConnections } from '../connection-report.ts';
import { apiTarget } from '../remote/target.ts';
import { remoteConnections, remoteDoctor } from '../remote/doctor.ts';

interface Options {
  examples: string;
  connections?: boolean;
  workers?: string;
  schedulers?: string;
  apis?: string;
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
    .option(
      '--apis <n>',
      'with --connections: for this many processes of the API (default: those that have connections)',
    )
    .action(async (options: Options) => {
      if (options.connections === true) {
        const size = {
          ...count('workers', options.workers),
          ...count('schedulers', options.schedulers),
          ...count('apis', options.apis),
        };
        const report = await readBudget(size);
        print(report, options.json, drawConnections);
        exit(report.problems.length === 0 ? STATUS.ok : STATUS.failed);
        return;
      }
      const api = apiTarget();
      if (api !== undefined) {
        if (options.mend === true) {
          throw new InvalidInputError(
            '--mend is given with --api (TASKER_API_URL): the statements that mend need the database, so leave the API out',
            { field: '--mend' },
          );
        }
        const found = await remoteDoctor(api);
        print(found, options.json, () => drawFindings(`as of ${found.as_of}`, found));
        exit(found.findings.length === 0 ? STATUS.ok : STATUS.failed);
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
        return drawFindings(which, report, options.mend);
      });
      noteSource(source);
      warnOfNoScheduler(schedulers);
      exit(findings.length === 0 ? STATUS.ok : STATUS.failed);
    });
}

interface Finding {
  id: string;
  title: string;
  why: string;
  violations: number;
  examples?: readonly unknown[];
  mend?: Mend;
}

/** Over HTTP there are five examples of each, and no statements. */
function drawFindings(
  which: string,
  { checks, findings }: { checks: number; findings: readonly Finding[] },
  withStatements = false,
): string {
  if (findings.length === 0) return `${which}\n${checks} checks, no violation`;
  const texts = findings.map(({ id, title, why, violations, examples = [], mend }) =>
    [
      `${id}: ${violations === 1000 ? '1000 or more' : violations} violation(s) of "${title}"`,
      `  ${why}`,
      ...examples.map((example) => `  ${JSON.stringify(example)}`),
      ...(mend === undefined ? [] : wayOut(mend, withStatements)),
    ].join('\n'),
  );
  return `${which}\n${texts.join('\n')}`;
}

/** With the settings of this process, which are to be those of the fleet; or with those of the API. */
async function readBudget(size: FleetSize): Promise<ConnectionReport> {
  const api = apiTarget();
  if (api !== undefined) return remoteConnections(api, size);
  return withClient((client, config) => reportConnections(client.db, config ?? loadConfig('client'), size));
}

function wayOut(mend: Mend, wanted: boolean): string[] {
  if ('command' in mend) return [`  way out: ${mend.command}`];
  if (!wanted) return ['  way out: the statements that doctor --mend prints'];
  return [
    '  way out, in one transaction, with the fleet stopped and a backup at hand:',
    ...mend.sql.split('\n').map((line) => `    ${line}`),
  ];
}

function count(name: 'workers' | 'schedulers' | 'apis', text: string | undefined): { [Name in typeof name]?: number } {
  if (text === undefined) return {};
  return { [name]: wholeNumber(`--${name}`, text, 0, 999_999) };
}
