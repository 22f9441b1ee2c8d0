import type { Client } from '../../../src/index.ts';
import { ARCHIVED, ARCHIVED_KINDS } from '../../../src/db/statements/archive/archived-rows.ts';
import type { BenchDatabase } from '../../support/server.ts';

/** Tasks of the whole year, with every row that they had when they were made. */
export class Sample {
  private readonly rows = new Map<string, string>();
  private readonly db: BenchDatabase;
  private readonly size: number;

  constructor(db: BenchDatabase, size: number) {
    this.db = db;
    this.size = size;
  }

  /** Some of the `count` newest tasks, its share of the sample. */
  async take(count: number, slices: number): Promise<void> {
    const [newest] = await this.db.query<{ id: string }>(`SELECT max(task_id)::text AS id FROM tasker.tasker_tasks`);
    const share = Math.ceil(this.size / slices);
    for (let n = 0; n < share; n += 1) {
      const id = String(Number(newest?.id) - Math.floor(((n + Math.random()) * count) / share));
      this.rows.set(id, await this.rowsOf(id));
    }
  }

  /** Shows and restores those that are archived, and compares every row, as PostgreSQL prints it. */
  async restore(client: Client): Promise<{ shown: number; restored: number; same: number }> {
    const counts = { shown: 0, restored: 0, same: 0 };
    for (const [id, before] of this.rows) {
      const found = await client.archive.show(id);
      if (found === undefined) continue;
      if (found.task.task_id === id && found.task.state === 'complete') counts.shown += 1;
      const { outcome } = await client.archive.restore(id, { reason: 'bench' });
      if (outcome === 'restored') counts.restored += 1;
      if ((await this.rowsOf(id)) === before) counts.same += 1;
    }
    return counts;
  }

  private async rowsOf(id: string): Promise<string> {
    const found: string[] = [];
    for (const kind of ARCHIVED_KINDS) {
      const rows = await this.db.query<{ row: string }>(
        `SELECT r::text AS row FROM tasker.${ARCHIVED[kind].table} r WHERE task_id = $1 ORDER BY 1`,
        [id],
      );
      found.push(kind, ...rows.map(({ row }) => row));
    }
    return found.join('\n');
  }
}
