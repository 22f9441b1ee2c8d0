import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';

export interface RunOptions {
  workers: number;
  /** How many orders, the first ones by order id. */
  tasks: number;
  /** Stop after the summary. */
  exit: boolean;
  /** Delete what earlier runs left. */
  fresh: boolean;
  /** First port for metrics; each process takes the next one that is free. */
  port: number;
  /** The folder of the database, the ledger and the logs. */
  dataDir: string;
}

export const ORDER_COUNT = 830;
/** Each worker keeps about fifteen connections; the embedded server allows 200. */
const MOST_WORKERS = 10;

const defaultDataDir = fileURLToPath(new URL('../../../.data', import.meta.url));

/** Reads the command line. If there is nothing to run, prints the help or the problem and ends the process. */
export function parseOptions(argv: readonly string[]): RunOptions {
  const command = new Command('npm start --')
    .description(
      'Runs the order fulfillment example: a PostgreSQL, a payment gateway, a scheduler and workers, as processes of ' +
        'their own, and one task for each order of the Northwind data set. Started again, it goes on where the last ' +
        'run ended.',
    )
    .option('--workers <n>', `worker processes, 1 to ${MOST_WORKERS}`, integer(1, MOST_WORKERS), 2)
    .option('--tasks <n>', `the first n orders, 1 to ${ORDER_COUNT}`, integer(1, ORDER_COUNT), ORDER_COUNT)
    .option('--exit', 'stop after the summary instead of staying up')
    .option('--fresh', 'throw away the data of earlier runs first')
    .option('--port <n>', 'first port to try for metrics', integer(1024, 65_000), 9400)
    .addOption(
      new Option('--data <folder>', 'where database, ledger and logs are kept').default(
        defaultDataDir,
        '.data of this checkout',
      ),
    )
    .addHelpText(
      'after',
      `
Environment:
  DATABASE_URL         use this PostgreSQL instead of the embedded one
  DATABASE_URL_DIRECT  the same database without a transaction pooler
  TASKER_POOLED        true if DATABASE_URL leads through such a pooler

Exit status:
  0    every task ended as expected, and the ledger and the database agree
  1    they did not, or something could not be started (see the last lines)
  2    the command line is wrong
  130  interrupted before the last task ended; the next start goes on from there

Examples:
  npm start                          watch two workers, Ctrl-C to stop
  npm start -- --exit --workers 4    four workers, stop at the end
  npm start -- --fresh --tasks 60    begin anew, with the first 60 orders`,
    )
    .allowExcessArguments(false)
    .exitOverride((end) => process.exit(end.exitCode === 0 ? 0 : 2));
  command.parse([...argv], { from: 'user' });
  const {
    data,
    exit = false,
    fresh = false,
    ...numbers
  } = command.opts<
    Pick<RunOptions, 'workers' | 'tasks' | 'port'> & { exit?: boolean; fresh?: boolean; data: string }
  >();
  return { ...numbers, exit, fresh, dataDir: resolve(data) };
}

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}
