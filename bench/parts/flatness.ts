import type { PartResult } from '../support/report.ts';
import type { BenchServer } from '../support/server.ts';
import { dueRetries } from './flatness/due-retries.ts';
import { heldSnapshot } from './flatness/held-snapshot.ts';
import { historyAndBacklog } from './flatness/history-and-backlog.ts';
import { memoryOverTime } from './flatness/memory-over-time.ts';

/** Figures that should stay flat: as history and backlog grow, under a held snapshot, when many retries fall due at once, over time. */
export async function flatness(server: BenchServer, quick: boolean): Promise<PartResult> {
  const { table: history, values } = await historyAndBacklog(server, quick);
  const held = await heldSnapshot(server, quick);
  const retries = await dueRetries(server, quick ? 2000 : 100_000);
  const memory = await memoryOverTime(
    server,
    quick ? 4000 : Number(process.env['BENCH_MEMORY_STEPS'] ?? 1_000_000) / 4,
  );
  return {
    tables: [history, held, retries, memory],
    charts: quick
      ? []
      : [
          {
            name: 'flatness-claim',
            title: 'Claim of 64 steps by steps of history',
            x: { field: 'steps', title: 'steps in the tables', log: true },
            y: { field: 'ms', title: 'ms' },
            series: 'percentile',
            values,
          },
        ],
    data: { history, held, retries, memory },
  };
}
