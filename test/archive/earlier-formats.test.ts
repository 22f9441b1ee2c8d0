import { cp } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { ARCHIVED } from '../../src/db/statements/archive/archived-rows.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { archiveFolder } from './archive-fixture.ts';

/** An object as the first version with an archive wrote it, and the rows that it was made of. It never changes. */
const FROZEN = new URL('format-1/', import.meta.url);
const { task_ids: taskIds, rows } = JSON.parse(readFileSync(new URL('rows.json', FROZEN), 'utf8')) as {
  task_ids: string[];
  rows: Record<keyof typeof ARCHIVED, string[]>;
};
/** Another database may have given these names other ids. */
const OF_THE_DATABASE = new Set(['named_task_id', 'named_step_id']);

const test = await useTestDatabase();
const { path } = await archiveFolder();
const client = createClient({ url: test.url, notify: false, archive: { url: `file://${path}` } });
const db = openDatabase({ url: test.url, poolSize: 2 });
afterAll(() => Promise.all([client.close(), db.close()]));

it('restores an object of format 1 into another database, with the workflow that it does not know', async () => {
  const installation = '00000000-0000-4000-8000-000000000001';
  await test.query('UPDATE tasker.tasker_installation SET installation_id = $1', [installation]);
  await cp(new URL(`${installation}/`, FROZEN), `${path}/${installation}`, { recursive: true });
  expect((await client.archive.verify({ deep: true, mend: true })).mended).toMatchObject([{ outcome: 'adopted' }]);
  expect(await client.archive.verify({ deep: true })).toMatchObject({
    objects: 1,
    tasks: 2,
    problems: [],
    orphans: [],
  });
  const found: string[] = [];
  for await (const task of client.archive.find({ namespace: 'frozen', workflow: 'orders', key: 'F 1' }))
    found.push(task.task_id);
  expect(found.toSorted()).toEqual(taskIds);
  expect((await client.archive.show(taskIds[0] as string))?.task).toMatchObject({
    workflow: 'orders',
    superseded_by: taskIds[1],
    context: { amount: 12.5, note: 'ü "x"' },
    steps: [{ name: 'charge' }, { name: 'ship', parents: ['charge'] }],
  });
  expect(await client.archive.restore(taskIds[0] as string)).toMatchObject({ outcome: 'restored', taskIds });
  for (const [kind, before] of Object.entries(rows)) {
    for (const row of before.map((text) => JSON.parse(text) as Record<string, string | null>)) {
      const columns = Object.keys(row).filter((column) => !OF_THE_DATABASE.has(column));
      const now = await test.query(
        `SELECT FROM tasker.${ARCHIVED[kind as keyof typeof ARCHIVED].table} r
         WHERE ${columns.map((column, at) => `r.${column}::text IS NOT DISTINCT FROM ($${at + 1}::text COLLATE "C")${cast(kind, column)}`).join(' AND ')}`,
        columns.map((column) => row[column]),
      );
      expect([kind, row, now.length]).toEqual([kind, row, 1]);
    }
  }
  expect(await client.getTask(taskIds[1] as string)).toMatchObject({ state: 'cancelled', replaces: taskIds[0] });
  expect(await examine(db)).toEqual([]);
});

/** Times are compared as times: their text is in the zone of the session. */
function cast(kind: string, column: string): string {
  const columns = ARCHIVED[kind as keyof typeof ARCHIVED].columns as Readonly<Record<string, string>>;
  return columns[column] === 'timestamptz' ? '::timestamptz::text' : '';
}
