import { Command } from 'commander';
import { CHECKS, examine } from '../../db/doctor/examine.ts';
import { STATUS } from '../report-error.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker doctor`: checks every invariant of the data. */
export function doctorCommand(exit: (status: number) => void): Command {
  return withJson(new Command('doctor'))
    .description('check every invariant of the data, read-only, in one snapshot; status 1 on a violation')
    .option('--examples <n>', 'how many violations of each to show', '5')
    .action(async (options: { examples: string; json?: boolean }) => {
      const findings = await withClient((client) => examine(client.db, { examples: Number(options.examples) }));
      print({ checks: CHECKS.length, findings }, options.json, () => {
        if (findings.length === 0) return `${CHECKS.length} checks, no violation`;
        return findings
          .map(({ id, title, why, violations, examples }) =>
            [
              `${id}: ${violations === 1000 ? '1000 or more' : violations} violation(s) of "${title}"`,
              `  ${why}`,
              ...examples.map((example) => `  ${JSON.stringify(example)}`),
            ].join('\n'),
          )
          .join('\n');
      });
      exit(findings.length === 0 ? STATUS.ok : STATUS.failed);
    });
}
