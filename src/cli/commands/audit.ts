import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import type { AuditOptions } from '../../client/acts-client.ts';
import { InvalidInputError } from '../../errors.ts';
import { type ChainedLine, verifyExport } from '../../reads/verify-export.ts';
import { STATUS } from '../report-error.ts';
import { askedFor } from '../asked-for.ts';
import { table } from '../table.ts';
import { wholeNumber } from '../whole-number.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker audit list|export|verify`: what operators did. */
export function auditCommand(exit: (status: number) => void): Command {
  return new Command('audit')
    .description('what operators did, refusals included, and whether its chain of hashes is whole')
    .addCommand(listCommand(exit))
    .addCommand(exportCommand(exit))
    .addCommand(verifyCommand(exit));
}

interface ListFlags {
  task?: string;
  queue?: string;
  workflow?: string;
  schedule?: string;
  act?: string;
  by?: string;
  refused?: boolean;
  withoutReads?: boolean;
  limit: string;
  before?: string;
  json?: boolean;
}

const FILTERS = ['task', 'queue', 'workflow', 'schedule', 'act', 'by', 'refused', 'withoutReads', 'before'];

function listCommand(exit: (status: number) => void): Command {
  return withJson(new Command('list'))
    .description('list acts, newest first')
    .option('--task <id>', 'on this task and its steps')
    .option('--queue <name>', 'on this queue')
    .option('--workflow <namespace/name>', 'on this workflow')
    .option('--schedule <key>', 'on this schedule')
    .option('--act <act>', 'this act, such as task.retry or queue.pause')
    .option('--by <name>', 'by this person or program')
    .option('--refused', 'only acts that changed nothing')
    .option('--without-reads', 'without the inputs and results that somebody has read')
    .option('--limit <n>', 'at most this many, 1 to 1000', '50')
    .option('--before <audit id>', 'only acts before this one: the next page')
    .action(async (flags: ListFlags) => {
      const rows = await withClient((client) => client.audit(optionsOf(flags)));
      print(rows, flags.json, (list) =>
        table(
          ['ID', 'AT', 'BY', 'ACT', 'ON', 'OUTCOME', 'REASON'],
          list.map((row) => [
            row.audit_id,
            row.at.toISOString(),
            row.by,
            row.act,
            `${row.subject} ${row.subject_id}`,
            row.refused ? `refused: ${row.outcome}` : row.outcome,
            row.reason ?? '',
          ]),
          `no act is in the audit${askedFor({ ...flags }, FILTERS)}`,
        ),
      );
      exit(STATUS.ok);
    });
}

function optionsOf({
  task,
  queue,
  workflow,
  schedule,
  act,
  by,
  refused,
  withoutReads,
  limit,
  before,
}: ListFlags): AuditOptions {
  const subjects = Object.entries({ task, queue, workflow, schedule }).filter(([, id]) => id !== undefined);
  if (subjects.length > 1) throw new InvalidInputError('give one of --task, --queue, --workflow and --schedule');
  const [subject] = subjects;
  return {
    limit: wholeNumber('--limit', limit, 1, 1000),
    act,
    by,
    refused,
    ...(withoutReads === true ? { reads: false } : {}),
    before,
    ...(subject === undefined ? {} : { on: { kind: subject[0], id: subject[1] as string } }),
  };
}

function exportCommand(exit: (status: number) => void): Command {
  return new Command('export')
    .description('write every act to standard output, one JSON object a line, in the order of the chain')
    .action(async () => {
      await withClient(async (client) => {
        for await (const act of client.auditChain()) process.stdout.write(`${JSON.stringify(act)}\n`);
      });
      exit(STATUS.ok);
    });
}

function verifyCommand(exit: (status: number) => void): Command {
  return withJson(new Command('verify'))
    .description('check the chain of hashes, of the database or of an export; status 1 if it is broken')
    .option('--file <path>', 'an export (tasker audit export), without a database')
    .action(async ({ file, json }: { file?: string; json?: boolean }) => {
      const report =
        file === undefined ? await withClient((client) => client.verifyAudit()) : await verifyExport(linesOf(file));
      const { acts, removed, position, hash, broken } = report;
      print(report, json, () =>
        broken === null
          ? `the chain is whole: ${acts} acts${removed === 0 ? '' : `, and ${removed} that retention has removed (tasker audit list --act audit.prune)`}, the last at position ${position} with hash ${hash === '' ? '(none)' : hash}`
          : `the chain is broken${broken.position === null ? '' : ` at position ${broken.position}`}${broken.audit_id === null ? ': acts are missing at its end' : ` (act ${broken.audit_id})`}`,
      );
      exit(broken === null ? STATUS.ok : STATUS.failed);
    });
}

async function* linesOf(path: string): AsyncGenerator<ChainedLine> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number += 1;
    if (line.trim() === '') continue;
    let parsed: Partial<ChainedLine> | null;
    try {
      parsed = JSON.parse(line) as Partial<ChainedLine> | null;
    } catch {
      parsed = null;
    }
    if (typeof parsed?.record !== 'string' || typeof parsed.hash !== 'string')
      throw new InvalidInputError(`${path}:${number} is not a line of tasker audit export`, { field: '--file' });
    yield parsed as ChainedLine;
  }
}
