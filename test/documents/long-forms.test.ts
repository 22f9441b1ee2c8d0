import { globSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';

const files = globSync('test/reliability/**/*.test.ts').map((file) => ({ file, code: readFileSync(file, 'utf8') }));
const withLongForm = files.filter(({ code }) => /TASKER_TEST_LONG|\bLONG\b[^;]*under-load\.ts/.test(code));
const pages = ['docs/reliability.md', 'docs/seeing-and-steering.md'].map((page) => readFileSync(page, 'utf8')).join('');
/** The tables of long forms. */
const tables = pages.split(/^(?=## )/m).filter((section) => /^## (?:Long forms|What is run when)/.test(section));

it('each long form is in a table with its command, by its file or its folder', () => {
  expect(withLongForm.length).toBeGreaterThan(20);
  const missing = withLongForm.filter(
    ({ file }) => !tables.some((table) => table.includes(`\`${file}\``) || table.includes(`\`${dirname(file)}\``)),
  );
  expect(missing.map(({ file }) => file)).toEqual([]);
});

it('so is each variable by which one of these tests grows', () => {
  const variables = files.flatMap(({ code }) =>
    [...code.matchAll(/Number\(process\.env\['(\w+)'\]/g)].map(([, name = '']) => name),
  );
  expect(variables).toContain('FUZZ_REQUESTS');
  expect([...new Set(variables)].filter((name) => !pages.includes(name))).toEqual([]);
});

it('each has a short form, which runs in CI', () => {
  const onlyLong = files.filter(({ code }) => /(?:runIf|skipIf)\([^)]*(?:long\b|LONG\b|isLong\b)/.test(code));
  expect(onlyLong.map(({ file }) => file)).toEqual([]);
});
