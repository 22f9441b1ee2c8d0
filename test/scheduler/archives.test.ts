import { afterAll, afterEach, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/connections/database.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { createLogger, loadConfig, startScheduler } from '../../src/index.ts';
import { archiveFolder } from '../archive/archive-fixture.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const [here, there] = [await archiveFolder(), await archiveFolder()];
const db = openDatabase({ url: test.url, poolSize: 1 });
const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.stop()));
});
afterAll(() => db.close());

const start = async (archive: string | undefined): Promise<{ stop(): Promise<unknown> }> => {
  const config = loadConfig('scheduler', {
    DATABASE_URL: test.directUrl ?? test.url,
    TASKER_METRICS_PORT: '0',
    ...(archive === undefined ? {} : { TASKER_ARCHIVE_URL: `file://${archive}` }),
  });
  const log = createLogger({ level: 'silent', role: 'scheduler', redact: [] });
  const scheduler = await startScheduler({ config, log });
  open.push(scheduler);
  return scheduler;
};

it('the doctor finds schedulers that live at once with different archives, or one without, and no address', async () => {
  await start(here.path);
  await start(`${here.path}/`);
  expect(await examine(db)).toEqual([]);
  for (const other of [there.path, undefined]) {
    const scheduler = await start(other);
    const findings = await examine(db);
    expect(findings).toMatchObject([{ id: 'schedulers_have_one_archive', violations: 3 }]);
    expect(JSON.stringify(findings)).not.toContain(here.path);
    await scheduler.stop();
    expect(await examine(db)).toEqual([]);
  }
});
