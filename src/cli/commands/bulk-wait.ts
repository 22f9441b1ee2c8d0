import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { Client } from '../../client/client.ts';
import type { OperationRow } from '../../db/statements/operations/operations.ts';
import { STATUS } from '../report-error.ts';
import { print, withClient, withJson } from '../with-client.ts';
import { operationAsText, operationAsWire, waitingOf } from './bulk-show.ts';

const POLL_MS = 1000;
/** If a line cannot be written over, there is one for each tenth. */
const TENTH = 10;

/** Adds `--wait` to a command that starts an operation. */
export const waitOption = (command: Command): Command =>
  command.option(
    '--wait',
    'wait until it has ended, with a line of progress; status 1: it stopped by itself or was aborted, 4: not every task was acted on',
  );

/** `tasker bulk wait <id>`. */
export function waitCommand(exit: (status: number) => void): Command {
  return withJson(new Command('wait'))
    .description(
      'wait until a bulk operation has ended; status 1: it stopped by itself or was aborted, 3: there is none, 4: not every task was acted on',
    )
    .argument('<id>', 'the operation, as tasker bulk list shows it')
    .action(async (id: string, { json }: { json?: boolean }) => {
      const row = await withClient((client) => waitForOperation(client, id));
      if (row === undefined) {
        print({ outcome: 'not_found' }, json, () => `there is no operation ${id}`);
        return exit(STATUS.notFound);
      }
      print(operationAsWire(row), json, () => operationAsText(row));
      exit(statusOf(row));
    });
}

/**
 * The operation when nothing more happens to it by itself: it is done, aborted, or has stopped. One that is paused is waited for. Who ends the wait ends
 * nothing else. Undefined: there is none.
 */
export async function waitForOperation(client: Client, id: string): Promise<OperationRow | undefined> {
  const progress = progressOn(process.stderr);
  for (;;) {
    const row = await client.operations.get(id);
    if (row === undefined || !['running', 'paused'].includes(row.state)) {
      progress.end();
      return row;
    }
    progress.show(row);
    await sleep(POLL_MS);
  }
}

/** Of an operation that was waited for. */
export const statusOf = ({ state, refused, failed }: OperationRow): number => {
  if (state !== 'done') return STATUS.failed;
  return refused + failed > 0 ? STATUS.refused : STATUS.ok;
};

/** One line that is written over; in a log, one for each tenth and each change of the state. */
export function progressOn(stream: { isTTY?: boolean; write(text: string): unknown }) {
  let shown = '';
  return {
    show(row: OperationRow): void {
      const acted = row.total - waitingOf(row);
      const percent = Math.floor((100 * acted) / row.total);
      if (stream.isTTY === true) {
        stream.write(`\r\u001B[2K${lineOf(row, percent)}`);
        shown = 'line';
        return;
      }
      const mark = `${row.state} ${Math.floor(percent / TENTH)}`;
      if (mark !== shown) stream.write(`${lineOf(row, percent)}\n`);
      shown = mark;
    },
    end(): void {
      if (stream.isTTY === true && shown !== '') stream.write('\r\u001B[2K');
    },
  };
}

function lineOf(row: OperationRow, percent: number): string {
  const { operation_id: id, state, total, done, refused, failed, came_back: cameBack, pace_per_second: pace } = row;
  const waiting = waitingOf(row);
  const waits = state === 'running' && !row.canary_passed && total - waiting >= row.canary;
  const left =
    state === 'paused' ? 'paused' : waits ? 'waits for its canary' : `at least ${Math.ceil(waiting / pace)} s left`;
  return `operation ${id}: ${percent}%, ${done} done, ${refused + failed} not, ${cameBack} came back, ${waiting} to come, ${left}`;
}
