import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Complaints, compile } from './compiler.ts';

/*
 * A type test passes if the compiler reports nothing, so it would pass too if it were never compiled, or if everything had
 * the type `any`. Here the compiler gets the same tests with their expectations broken, and has to object to each.
 */
const typeTest = path.resolve(import.meta.dirname, '../types/define-workflow.test-d.ts');

const heading = `
  import { z } from 'zod';
  import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
  const workflow = defineWorkflow({ name: 'a', input: z.object({ id: z.number() }) }).step('first', () => ({ total: 1 }));
`;

describe('the type tests can fail', () => {
  let folder = '';
  let complaints: Complaints = new Map();
  let original = '';

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'type-tests-'));
    original = await readFile(typeTest, 'utf8');
    complaints = await compile(folder, {
      'unchanged.ts': original,
      'without-expectations.ts': original.replaceAll('// @ts-expect-error', '//'),
      'wrong-types.ts': original.replaceAll('toEqualTypeOf<', 'not.toEqualTypeOf<'),
      'error-that-is-none.ts': `${heading}
        // @ts-expect-error there is nothing wrong with this step
        workflow.step('second', { dependsOn: ['first'] }, ({ parents }) => parents.first.total);`,
      'wrong-result.ts': `${heading}
        workflow.step('second', { dependsOn: ['first'] }, ({ parents }): string => parents.first.total);`,
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('as they are, the compiler reports nothing', () => expect(complaints.get('unchanged.ts')).toBeUndefined());

  test('every expected error is one, with the message of the comment', () => {
    const expected = original.split('\n').flatMap((text, index) => {
      const comment = /\/\/ @ts-expect-error (.*)$/.exec(text)?.[1];
      return comment === undefined ? [] : [{ line: index + 2, says: /^says: (.*)$/.exec(comment)?.[1] ?? '' }];
    });
    const found = complaints.get('without-expectations.ts') ?? new Map<number, string>();
    expect(expected.length).toBeGreaterThan(25);
    expect([...found.keys()]).toEqual(expected.map(({ line }) => line));
    for (const { line, says } of expected) expect(found.get(line)).toContain(says);
  });

  test('every type that is compared can be wrong', () => {
    const compared = original
      .split('\n')
      .flatMap((text, index) => (text.includes('toEqualTypeOf<') ? [index + 1] : []));
    expect(compared.length).toBeGreaterThan(15);
    expect([...(complaints.get('wrong-types.ts')?.keys() ?? [])]).toEqual(compared);
  });

  test('an expected error that is none is an error', () =>
    expect([...(complaints.get('error-that-is-none.ts')?.values() ?? [])]).toEqual([
      "error TS2578: Unused '@ts-expect-error' directive.\n",
    ]));

  test("a parent's result of another type is an error", () =>
    expect([...(complaints.get('wrong-result.ts')?.values() ?? [])]).toEqual([
      "error TS2322: Type 'number' is not assignable to type 'string'.\n",
    ]));
});
