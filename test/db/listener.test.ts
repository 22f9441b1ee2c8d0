import { expect, it } from 'vitest';
import { Listener, readyChannel } from '../../src/db/connections/listener.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const test = await useTestDatabase();

it.skipIf(test.directUrl === undefined)(
  'a listener reports when notifications arrive, no longer arrive, and arrive again',
  async () => {
    const states: boolean[] = [];
    const received: string[] = [];
    const listener = new Listener({
      url: test.directUrl as string,
      schema: 'tasker',
      applicationName: 'tasker listener test',
      onReady: (queue) => received.push(queue),
      onListening: (listening) => states.push(listening),
      onError: () => undefined,
      maxReconnectMs: 50,
    });
    expect(listener.listening).toBe(false);
    await listener.start();
    expect(listener.listening).toBe(true);
    await test.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tasker listener test' AND datname = current_database()`,
    );
    await waitFor(() => states.length === 3, { what: 'the listener to be back' });
    expect(states).toEqual([true, false, true]);
    await test.query(`SELECT pg_notify($1, 'mine')`, [readyChannel('tasker')]);
    await waitFor(() => received.includes('mine'), { what: 'the notification' });
    await listener.stop();
    expect(listener.listening).toBe(false);
    expect(states).toEqual([true, false, true]);
  },
);
