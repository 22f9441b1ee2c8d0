import { globSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ALERTS } from '../../scripts/support/monitoring/alerts.ts';
import { CHECKS } from '../../src/db/doctor/examine.ts';
import { CLAIM_SIZES } from '../../src/db/statements/claims/claim-steps.ts';

const numbersIn = (file: string, pattern: RegExp): (string | undefined)[] =>
  [...readFileSync(file, 'utf8').matchAll(pattern)].map(([, number]) => number);

it('documents have the numbers of invariants, alerts and claim sizes that the code has', () => {
  const invariants = String(CHECKS.length);
  expect(numbersIn('README.md', /(\d+) invariants/g)).toEqual([invariants]);
  expect(numbersIn('docs/reliability.md', /(\d+) invariants/g)).toEqual([invariants, invariants]);
  expect(numbersIn('README.md', /(\d+) tested alerts/g)).toEqual([String(ALERTS.length)]);
  expect(CLAIM_SIZES).toHaveLength(11);
  expect(numbersIn('docs/decisions/0007-claims-per-queue.md', /eleven sizes .* 1 to ([\d,]+)/g)).toEqual([
    CLAIM_SIZES.at(-1)?.toLocaleString('en-US'),
  ]);
});

it('the glossary names only what is in the code', () => {
  const code = globSync(['{src,migrations}/**/*.{ts,sql}', 'schema.sql'])
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const names = [...readFileSync('docs/glossary.md', 'utf8').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(40);
  const isMissing = (name: string): boolean => !code.includes(name.replaceAll(/^~|\*$/g, ''));
  expect(names.filter((name) => !name.includes('/')).filter(isMissing)).toEqual([]);
});

it('each decision has a number of its own, the same in its name, its title and the list', () => {
  const list = readFileSync('docs/decisions/README.md', 'utf8');
  const records = readdirSync('docs/decisions').filter((name) => /^\d{4}-/.test(name));
  const numbers = records.map((name) => Number(name.slice(0, 4)));
  expect(numbers.filter((number, index) => numbers.indexOf(number) !== index)).toEqual([]);
  for (const [index, name] of records.entries()) {
    expect(readFileSync(`docs/decisions/${name}`, 'utf8')).toMatch(new RegExp(`^# ${numbers[index]}\\. `));
    expect(list).toContain(`(${name})`);
    expect(list).toMatch(new RegExp(`\\[${numbers[index]}\\. [^\\]]+\\]\\(${name}\\)`));
  }
});
