import { Command } from 'commander';
import { byteText } from '../bytes.ts';
import { type Load, type Size, sizeOf } from '../../scaling/size.ts';
import { STATUS } from '../report-error.ts';
import { keptSecondsOf } from '../seconds-option.ts';
import { table } from '../table.ts';
import { wholeNumber } from '../whole-number.ts';
import { print, withJson } from '../with-client.ts';

interface Options {
  stepsPerDay: string;
  keep: string;
  stepsPerTask: string;
  inputBytes: string;
  resultBytes: string;
  searchPaths: string;
  json?: boolean;
}

const MOST = 1_000_000_000_000;

/** `tasker size`: the disk and the WAL that a load takes, without a database. */
export function sizeCommand(exit: (status: number) => void): Command {
  return withJson(new Command('size'))
    .description('compute the disk and the WAL that a load takes, from what was measured; needs no database')
    .requiredOption('--steps-per-day <n>', 'steps that run in a day')
    .requiredOption('--keep <time>', 'how long tasks are kept: 30d, 1y')
    .option('--steps-per-task <n>', 'steps of a task', '5')
    .option('--input-bytes <n>', 'JSON of the input of a task', '500')
    .option('--result-bytes <n>', 'JSON of the result of a step', '200')
    .option('--search-paths <n>', 'paths of inputs that are enabled (tasker search enable), all values different', '0')
    .action((options: Options) => {
      const load: Load = {
        stepsPerDay: wholeNumber('--steps-per-day', options.stepsPerDay, 1, MOST),
        stepsPerTask: wholeNumber('--steps-per-task', options.stepsPerTask, 1, 65_535),
        parentsPerStep: 1,
        inputBytes: wholeNumber('--input-bytes', options.inputBytes, 0, 1_000_000_000),
        resultBytes: wholeNumber('--result-bytes', options.resultBytes, 0, 1_000_000_000),
        searchPaths: wholeNumber('--search-paths', options.searchPaths, 0, 10),
        keepDays: keptSecondsOf('--keep', options.keep) / 86_400,
      };
      print({ load, size: sizeOf(load) }, options.json, ({ size }) => draw(size));
      exit(STATUS.ok);
    });
}

function draw(size: Size): string {
  return table(
    ['', 'A STEP', 'A DAY', 'KEPT', 'AT MOST'],
    [
      [
        'disk',
        byteText(size.diskBytesPerStep),
        byteText(size.diskBytesPerDay),
        byteText(size.diskBytes),
        byteText(size.diskBytesAtMost),
      ],
      ['WAL', byteText(size.walBytesPerStep), byteText(size.walBytesPerDay), '', ''],
      ['WAL of removing', byteText(size.removalWalBytesPerStep), byteText(size.removalWalBytesPerDay), '', ''],
    ],
    '',
  );
}
