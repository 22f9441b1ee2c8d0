import { Command } from 'commander';
import { amountOf } from '../amount-of.ts';
import type { MendedOrphan, Orphan } from '../../archive/orphans.ts';
import type { VerifyReport } from '../../archive/verify.ts';
import { byteText } from '../bytes.ts';
import { byOption } from '../operator-command.ts';
import { STATUS } from '../report-error.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface Options {
  by: string;
  reason?: string;
  deep?: boolean;
  mend?: boolean;
  json?: boolean;
}

/** `tasker archive verify`: compares the records of the database with what is there. Status 1 if something is wrong. */
export function archiveVerifyCommand(exit: (status: number) => void): Command {
  return byOption(withJson(new Command('verify')))
    .description('compare the records of the database with the objects of the archive; status 1 if they disagree')
    .option('--deep', 'read every object whole: its hash and each row of it')
    .option(
      '--mend',
      'remove objects without a record whose tasks are all elsewhere, and give the others their record again',
    )
    .option('--reason <text>', 'with --mend: why; kept in the audit')
    .action(async ({ deep = false, mend = false, by, reason, json }: Options) => {
      const report = await withClient((client) => client.archive.verify({ deep, mend, by, reason }));
      print(report, json, () => asText(report));
      const mended = new Set(report.mended.map(({ object }) => object));
      const orphans = report.orphans.filter(({ object }) => !mended.has(object));
      exit(report.problems.length + orphans.length === 0 ? STATUS.ok : STATUS.failed);
    });
}

function asText(report: VerifyReport & { mended: MendedOrphan[] }): string {
  const { objects, tasks, bytes, problems, orphans, unfinished, mended } = report;
  const outcomes = new Map(mended.map(({ object, outcome }) => [object, outcome]));
  return [
    `${amountOf(objects, 'object')} with ${amountOf(tasks, 'task')}, ${byteText(bytes)}: ${problems.length === 0 ? 'all as recorded' : amountOf(problems.length, 'problem')}`,
    ...problems.map(({ kind, object, problem }) => `  ${kind}: ${object}: ${problem}`),
    ...orphans.map(
      (orphan) => `  without a record: ${orphan.object}: ${describeOrphan(orphan, outcomes.get(orphan.object))}`,
    ),
    ...unfinished.map(({ object, state }) =>
      state === 'writing' ? `  being written: ${object}` : `  to be removed: ${object}`,
    ),
  ].join('\n');
}

function describeOrphan({ tasks, onlyHere, bytes }: Orphan, outcome: MendedOrphan['outcome'] | undefined): string {
  if (outcome === 'removed') return 'removed';
  if (outcome === 'adopted') return 'it has a record again';
  if (tasks === undefined) return `it was never finished (${byteText(bytes)}); tasker archive verify --mend removes it`;
  if (onlyHere === 0) return `its ${tasks} tasks are all elsewhere; tasker archive verify --mend removes it`;
  return `${onlyHere} of its ${tasks} tasks are nowhere else; tasker archive verify --mend gives it a record again`;
}
