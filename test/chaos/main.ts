import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { FAULT_KINDS, type FaultKind } from './faults.ts';
import { type ChaosReport, runChaos } from './run.ts';
import type { Times } from './recovery.ts';

const number =
  (low: number, high: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= low && value <= high))
      throw new InvalidArgumentError(`It is a number from ${low} to ${high}.`);
    return value;
  };

const kinds = (text: string): FaultKind[] =>
  text.split(',').map((name) => {
    if (!(FAULT_KINDS as readonly string[]).includes(name))
      throw new InvalidArgumentError(`"${name}" is none of ${FAULT_KINDS.join(', ')}.`);
    return name as FaultKind;
  });

const seconds = ({ n, p50, p99, max }: Times): string =>
  n === 0 ? 'none' : `p50 ${p50.toFixed(2)} s, p99 ${p99.toFixed(2)} s, max ${max.toFixed(2)} s (n = ${n})`;

function describe(report: ChaosReport): string {
  const { claiming, recovery, violations } = report;
  return [
    `seed ${report.seed}, ${report.minutes} min of faults, ${report.seconds.toFixed(0)} s in all`,
    `${report.tasks} tasks, ${report.stepsCompleted} steps completed, ${report.removed} tasks removed, ${report.processesStarted} processes started, ${report.repeatedEffects} steps had their effect more than once`,
    `faults: ${Object.entries(report.faults)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(', ')}`,
    `killed process to each of its steps back in the queue: ${seconds(recovery.killToRecovered)}`,
    `  without a database crash in between: ${seconds(recovery.killToRecoveredUndisturbed)}`,
    `database back to the next claim: ${seconds(recovery.restartToClaim)}`,
    ...report.notInjected.map((why) => `NOT INJECTED ${why}`),
    `claiming, in ${claiming.calmSeconds.toFixed(0)} s without faults: ${claiming.claims} claims, of which ${claiming.choices} had several priorities before them; ${claiming.readySpans} waits, the longest ${claiming.longestWaitSeconds.toFixed(2)} s`,
    `explained: ${Object.entries(report.explained)
      .map(([verdict, times]) => `${verdict} ${times}`)
      .join(', ')}; an API was asked ${report.shownPauses} times what is paused`,
    `${report.operations.started} bulk operations, ${report.operations.aborted} of them aborted; ${report.pauses} pauses`,
    `replayed ${report.replayed.transitions} transitions; amcheck: ${report.amcheck}`,
    `healed in ${report.healSeconds.toFixed(1)} s after the last fault`,
    violations.length === 0 ? 'violations: none' : `VIOLATIONS: ${violations.length}`,
    ...violations.slice(0, 50).map(({ kind, detail }) => `  ${kind}: ${detail}`),
    ...(report.folder === undefined ? [] : [`database, logs, ledger and fault schedule are in ${report.folder}`]),
  ].join('\n');
}

const program = new Command('chaos')
  .description(
    'Run a fleet under faults drawn from a seed, let it heal, and examine what is left. Exit status 1: a violation.',
  )
  .option('--minutes <n>', 'how long faults happen', number(0.1, 1440), 3)
  .option('--seed <n>', 'draws the faults; the same seed, the same faults', number(0, 2 ** 31), 1)
  .option('--intensity <n>', 'how often faults happen, as a multiple of the usual', number(0.1, 20), 1)
  .option('--only <kinds>', 'comma-separated kinds of faults (default: all)', kinds)
  .option('--workers <n>', 'worker processes', number(1, 50), 4)
  .option('--schedulers <n>', 'scheduler processes', number(1, 20), 3)
  .option('--tasks-per-second <n>', 'how many tasks are submitted', number(1, 1000), 10)
  .option('--json <file>', 'write the report there as well')
  .option('--keep', 'keep the database, the logs and the ledger of a run without violations', false);
program.parse();
const options = program.opts<{
  minutes: number;
  seed: number;
  intensity: number;
  only?: FaultKind[];
  workers: number;
  schedulers: number;
  tasksPerSecond: number;
  json?: string;
  keep: boolean;
}>();
const report = await runChaos({
  ...options,
  kinds: options.only ?? FAULT_KINDS,
  log: (line) => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`),
});
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
console.log(describe(report));
process.exitCode = report.violations.length === 0 ? 0 : 1;
