import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { nodeProblem } from '../../src/cli/node-version.ts';

test('a Node that is too old is named, with the oldest that runs', () => {
  expect(nodeProblem('20.20.2')).toBe('Node 20.20.2 is too old: use Node 22.18 or newer');
  expect(nodeProblem('22.17.1')).toBe('Node 22.17.1 is too old: use Node 22.18 or newer');
  expect(['22.18.0', '23.0.0', '24.21.0', '100.0.0'].map(nodeProblem)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test('the oldest version is that of package.json', () => {
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };
  const [, oldest] = /^>=(\d+\.\d+)$/.exec(engines.node) ?? [];
  expect(nodeProblem(`${oldest}.0`)).toBeUndefined();
  expect(nodeProblem('1.0.0')).toContain(`use Node ${oldest} or newer`);
});
