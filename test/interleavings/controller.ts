import pg from 'pg';

/** The connection that holds statements at their pauses, and queries which sessions wait for which others. */
export class Controller {
  pid = 0;
  private readonly client: pg.Client;
  private readonly held = new Set<number>();

  constructor(url: string) {
    this.client = new pg.Client({ connectionString: url, application_name: 'interleavings' });
  }

  async open(): Promise<void> {
    await this.client.connect();
    const { rows } = await this.client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    this.pid = (rows[0] as { pid: number }).pid;
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  async lock(key: number): Promise<void> {
    this.held.add(key);
    await this.client.query('SELECT pg_advisory_lock($1)', [key]);
  }

  async unlock(key: number): Promise<void> {
    if (this.held.delete(key)) await this.client.query('SELECT pg_advisory_unlock($1)', [key]);
  }

  /** The sessions for which this one waits at this moment. */
  async blockers(pid: number): Promise<number[]> {
    const { rows } = await this.client.query<{ pids: number[] }>({
      name: 'blockers',
      text: 'SELECT pg_blocking_pids($1) AS pids',
      values: [pid],
    });
    return (rows[0] as { pids: number[] }).pids;
  }
}
