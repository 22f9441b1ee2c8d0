import { Command } from 'commander';
import type { Client } from '../../client/client.ts';
import type { HourStatsRow, RunStatsRow } from '../../db/reads/run-stats.ts';
import { InvalidInputError } from '../../errors.ts';
import type { RunStats } from '../../reads/run-stats.ts';
import { STATUS } from '../report-error.ts';
import { secondsOf } from '../seconds-option.ts';
import { duration } from '../../reads/text/duration.ts';
import { table, toMinute } from '../table.ts';
import { unknownWorkflow } from '../unknown-workflow.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface Options {
  since: string;
  workflow?: string;
  steps?: boolean;
  byHour?: boolean;
  json?: boolean;
}

type Names = { namespace?: string; workflow?: string };

/** `tasker stats`: what ran, failed and was tried again, and how long it waited and ran. */
export function statsCommand(exit: (status: number) => void): Command {
  return withJson(new Command('stats'))
    .description('show what ran, failed and was tried again, and how long it waited and ran, by workflow and step')
    .option('--since <time>', 'how far back, in full hours: 6h, 7d', '24h')
    .option('-w, --workflow <namespace/name>', 'only this workflow, with its steps')
    .option('--steps', 'the steps of every workflow too')
    .option('--by-hour', 'one row for each hour (UTC) and version; needs --workflow')
    .action(async (options: Options) => {
      const since = new Date(Date.now() - secondsOf('--since', options.since) * 1000);
      const one: Names = options.workflow === undefined ? {} : workflowOf(options.workflow);
      const steps = options.steps ?? options.workflow !== undefined;
      await withClient(async (client) => {
        if (options.byHour === true) {
          const { namespace, workflow } = one;
          if (namespace === undefined || workflow === undefined)
            throw new InvalidInputError('--by-hour is given without --workflow: name one, such as -w shop/orders', {
              field: '--by-hour',
            });
          const hours = await client.statsByHour({ since, namespace, workflow, steps: options.steps ?? false });
          print(hours, options.json, drawHours);
          await noteUnknown(client, one, hours.rows);
        } else {
          const stats = await client.stats({ since, ...one, steps });
          print(stats, options.json, drawStats);
          await noteUnknown(client, one, stats.rows);
        }
      });
      exit(STATUS.ok);
    });
}

/** Tasks that were removed stay counted, of workflows that are not registered any more too. */
async function noteUnknown(client: Client, one: Names, rows: readonly unknown[]): Promise<void> {
  const note = rows.length === 0 ? await unknownWorkflow(client, one) : undefined;
  if (note !== undefined) console.error(note);
}

function workflowOf(text: string): { namespace: string; workflow: string } {
  const [workflow = '', namespace = 'default', ...more] = text.split('/').toReversed();
  if (workflow !== '' && namespace !== '' && more.length === 0) return { namespace, workflow };
  throw new InvalidInputError(`--workflow is ${JSON.stringify(text)}: give namespace/name, such as shop/orders`, {
    field: '--workflow',
  });
}

const HEADING = ['RUNS', 'FAILED', 'RETRIES', 'WAITED p50', 'p95', 'RAN p50', 'p95'] as const;

const figures = (row: RunStatsRow): string[] => [
  String(row.runs),
  row.failures === 0 ? '0' : `${row.failures} (${percent(row.failures / row.runs)})`,
  String(row.retries),
  ...[row.waiting_p50, row.waiting_p95, row.running_p50, row.running_p95].map((seconds) =>
    seconds === null ? '' : duration(seconds),
  ),
];

/** Two digits, so that one failure in thousands is not 0 %. */
const percent = (ratio: number): string => `${Number((ratio * 100).toPrecision(2))} %`;

const nameOf = (row: RunStatsRow): string => (row.step === null ? `${row.namespace}/${row.workflow}` : `  ${row.step}`);

function drawStats(stats: RunStats): string {
  if (stats.rows.length === 0) return about(stats);
  const rows = stats.rows.map((row) => [nameOf(row), ...figures(row)]);
  return `${table(['WORKFLOW', ...HEADING], rows, '')}\n\n${about(stats)}`;
}

function drawHours(stats: RunStats<HourStatsRow>): string {
  if (stats.rows.length === 0) return about(stats);
  const rows = stats.rows.map((row) => [
    row.step === null ? `${toMinute(row.hour)}${row.closed ? '' : ' (not over)'}` : '',
    row.version,
    nameOf(row),
    ...figures(row),
  ]);
  return `${table(['HOUR', 'VERSION', 'WORKFLOW', ...HEADING], rows, '')}\n\n${about(stats)}`;
}

function about({ since, countedUntil, rows }: RunStats<unknown>): string {
  if (countedUntil === null) return 'nothing is counted yet: a scheduler of this version counts (tasker scheduler)';
  const what = rows.length === 0 ? 'nothing ended' : 'what ended';
  return `${what} from ${toMinute(since)} to ${toMinute(countedUntil)}, up to which it is counted`;
}
