import pg from 'pg';

/** Polls every 20 ms which sessions wait for a lock on a table or view, and keeps the longest wait. Migrations themselves may wait. */
export class LockWatch {
  longestMs = 0;
  longestQuery = '';
  private readonly client: pg.Client;
  private running = true;
  private loop: Promise<void> = Promise.resolve();

  constructor(url: string) {
    this.client = new pg.Client({ connectionString: url, application_name: 'lock watch' });
  }

  async start(): Promise<void> {
    await this.client.connect();
    this.loop = this.watch();
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.loop;
    await this.client.end();
  }

  private async watch(): Promise<void> {
    while (this.running) {
      const { rows } = await this.client.query<{ ms: number; query: string }>(
        `SELECT extract(epoch FROM clock_timestamp() - l.waitstart)::float8 * 1000 AS ms, left(a.query, 120) AS query
         FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
         WHERE NOT l.granted AND l.locktype = 'relation' AND l.waitstart IS NOT NULL
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND a.application_name <> 'tasker migrate' AND a.backend_type = 'client backend'
         ORDER BY ms DESC LIMIT 1`,
      );
      if (rows[0] !== undefined && rows[0].ms > this.longestMs) {
        this.longestMs = rows[0].ms;
        this.longestQuery = rows[0].query;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
