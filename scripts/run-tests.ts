/**
 * `npm test` and `npm run test:reliability`: runs Vitest with the arguments given. In CI, on a machine that is shared and may stand still for seconds, the files that failed run once more, by
 * themselves: in new processes, on a new server. A second try within the first run would have what the first one left in its database. Exit status: that of the last run.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/** More of them than a busy machine would make fail. */
const MOST_FILES = 5;

const given = process.argv.slice(2);
process.exitCode = process.env['CI'] === undefined ? await vitest(given) : await vitestTwice(given);

async function vitestTwice(args: readonly string[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'tasker-tests-'));
  try {
    const report = join(folder, 'report.json');
    const status = await vitest([...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]);
    if (status === 0) return status;
    const failed = await failedFiles(report);
    if (failed.length === 0 || failed.length > MOST_FILES) return status;
    console.log(`\nfailed, and run once more by themselves: ${failed.join(', ')}\n`);
    const again = await vitest([...optionsOf(args), ...failed]);
    console.log(
      again === 0
        ? `\nfailed in the first run and passed in the second: ${failed.join(', ')}`
        : '\nfailed in both runs: see above',
    );
    return again;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Which files had a failure. None if Vitest ended without a report, or failed for something that is in no file. */
async function failedFiles(report: string): Promise<string[]> {
  const text = await readFile(report, 'utf8').catch(() => '{}');
  const { testResults = [] } = JSON.parse(text) as { testResults?: { name: string; status: string }[] };
  return testResults.filter(({ status }) => status === 'failed').map(({ name }) => relative(process.cwd(), name));
}

/** Without the files that were chosen. */
function optionsOf(args: readonly string[]): string[] {
  return args.filter((arg, index) => arg.startsWith('-') || /^-[^=]*$/.test(args[index - 1] ?? ''));
}

function vitest(args: readonly string[]): Promise<number> {
  const running = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...args], { stdio: 'inherit' });
  const pass = (signal: NodeJS.Signals): void => void running.kill(signal);
  process.on('SIGINT', pass).on('SIGTERM', pass);
  return new Promise((resolve, reject) => {
    running.once('error', reject).once('exit', (code) => resolve(code ?? 1));
  });
}
