import { expect, it } from 'vitest';
import { declarationOf } from '../../scripts/support/api/declaration.ts';
import { isForeign } from '../../scripts/support/api/exports.ts';
import { apiEntries, apiPage } from '../../scripts/support/api/page.ts';

it('every export of the package has a doc comment', () => {
  const own = apiEntries().filter(({ modules, origin }) => modules.length > 0 && !isForeign(origin));
  expect(own.length).toBeGreaterThan(80);
  expect(own.filter(({ origin }) => declarationOf(origin).doc === undefined).map(({ name }) => name)).toEqual([]);
});

it('the page has signatures without bodies, defaults and private members, and links to what they name', () => {
  const page = apiPage('');
  expect(page).toContain(
    'function migrateDown(url: string, steps?: number, options?: MigrateOptions): Promise<string[]>;',
  );
  expect(page).toContain('  getTask(taskId: string): Promise<TaskDetails | undefined>;\n');
  expect(page).toContain('    options?: SubmitOptions & WaitOptions,\n');
  expect(page).toContain('Value of `tasker-fleet/testing`. See [EffectOptions](#effectoptions).');
  expect(page).not.toContain('private ');
  expect(page).not.toMatch(/^ {4}return /m);
});
