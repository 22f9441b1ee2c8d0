/* oxlint-disable vitest/expect-expect -- the compiler makes the assertions: @ts-expect-error fails if there is no error */
import { describe, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { InputOf, ResultsOf, WorkflowDefinition } from '../../src/workflow/definition.ts';
import type { Json } from '../../src/workflow/json.ts';

const begin = defineWorkflow({
  name: 'orders',
  input: z.object({ order_id: z.string().transform(Number), note: z.string().default('none') }),
});

describe('without a schema', () => {
  const anything = defineWorkflow({ name: 'anything' }).step('a', ({ input }) => {
    expectTypeOf(input).toEqualTypeOf<Json>();
    // @ts-expect-error any JSON: it may have no such member
    void input.name;
    return 1;
  });

  test('a task takes any JSON', () => {
    expectTypeOf<InputOf<typeof anything>>().toEqualTypeOf<Json>();
    expectTypeOf<ResultsOf<typeof anything>['a']>().toEqualTypeOf<number>();
    expectTypeOf(anything).toExtend<WorkflowDefinition>();
    anything.schedule({ key: 'daily', cron: '@daily', input: { some: ['thing'] } });
    // @ts-expect-error no JSON
    anything.schedule({ key: 'daily', cron: '@daily', input: new Date() });
  });
});

describe('what a handler sees', () => {
  test('the input has the output type of the schema', () => {
    begin.step('a', ({ input }) => {
      expectTypeOf(input).toEqualTypeOf<{ order_id: number; note: string }>();
    });
  });

  test('the parents are the results of the steps in dependsOn and nothing else', () => {
    begin
      .step('a', () => ({ total: 1 }))
      .step('b', async () => ['x'])
      .step('c', { dependsOn: ['a', 'b'] }, ({ parents }) => {
        expectTypeOf(parents.a).toEqualTypeOf<{ total: number }>();
        expectTypeOf(parents.b).toEqualTypeOf<string[]>();
        return true;
      })
      .step('d', { dependsOn: ['c'] }, ({ parents }) => {
        expectTypeOf<keyof typeof parents>().toEqualTypeOf<'c'>();
        // @ts-expect-error says: Property 'a' does not exist on type '{ readonly c: boolean; }'
        return parents.a;
      })
      .step('e', ({ parents }) => {
        // @ts-expect-error e has no parents
        return parents.a;
      });
  });

  test('the results of steps in uses are among the parents', () => {
    begin
      .step('a', () => ({ total: 1 }))
      .step('b', { dependsOn: ['a'], skippable: true }, () => ['x'])
      .step('c', { dependsOn: ['b'] }, () => true)
      .step('d', { dependsOn: ['c'], uses: ['a', 'b'] }, ({ parents }) => {
        expectTypeOf(parents).toEqualTypeOf<{
          readonly a: { total: number };
          readonly b: string[] | null;
          readonly c: boolean;
        }>();
      })
      // @ts-expect-error there is no step x
      .step('e', { dependsOn: ['c'], uses: ['x'] }, () => 1);
  });

  test('parents and input cannot be changed by mistake', () => {
    begin
      .step('a', () => 1)
      .step('b', { dependsOn: ['a'] }, (context) => {
        // @ts-expect-error a result that other steps see too
        context.parents.a = 2;
        // @ts-expect-error the context is the worker's
        context.attempt = 2;
      });
  });

  test('the rest of the context', () => {
    begin.step('a', ({ taskId, stepName, attempt, retryLimit, signal, log, idempotencyKey }) => {
      expectTypeOf(taskId).toEqualTypeOf<string>();
      expectTypeOf(stepName).toEqualTypeOf<string>();
      expectTypeOf(attempt).toEqualTypeOf<number>();
      expectTypeOf(retryLimit).toEqualTypeOf<number>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      expectTypeOf(idempotencyKey).toEqualTypeOf<string>();
      log.info('text');
      log.warn({ order: 1 }, 'text');
      // @ts-expect-error fields come first
      log.error('text', { order: 1 });
    });
  });

  test('a step that may be skipped can leave null', () => {
    const defaults = { skippable: true } as const;
    const lenient = defineWorkflow({ name: 'lenient', input: z.object({}), defaults });
    begin
      .step('maybe', { skippable: true }, () => ({ id: 1 }))
      .step('use', { dependsOn: ['maybe'] }, ({ parents }) => {
        expectTypeOf(parents.maybe).toEqualTypeOf<{ id: number } | null>();
        // @ts-expect-error it may be null
        return parents.maybe.id;
      });
    lenient
      .step('a', () => 1)
      .step('b', { skippable: false }, () => 1)
      .step('c', { dependsOn: ['a', 'b'] }, ({ parents }) => {
        expectTypeOf(parents.a).toEqualTypeOf<number | null>();
        expectTypeOf(parents.b).toEqualTypeOf<number>();
      });
  });
});

describe('results as they come back from the database', () => {
  test('dates are texts, undefined members are gone, nothing is null', () => {
    begin
      .step('a', () => ({ at: new Date(), maybe: undefined as number | undefined, list: [new Date()] as const }))
      .step('b', async () => {})
      .step('c', (): unknown => 1)
      .step('d', { dependsOn: ['a', 'b', 'c'] }, ({ parents }) => {
        expectTypeOf(parents.a).toEqualTypeOf<{ at: string; maybe?: number; list: readonly [string] }>();
        expectTypeOf(parents.b).toEqualTypeOf<null>();
        // @ts-expect-error what is unknown has to be looked at first
        return parents.c.length;
      });
  });

  test('a type may refer to itself', () => {
    interface Tree {
      at: Date;
      children: Tree[];
    }
    begin
      .step('tree', (): Tree => ({ at: new Date(), children: [] }))
      .step('read', { dependsOn: ['tree'] }, ({ parents }) => {
        expectTypeOf(parents.tree.children[0]?.children[0]?.at).toEqualTypeOf<string | undefined>();
      });
  });
});

const unfit = async (): Promise<{ id: bigint }> => ({ id: 1n });

describe('mistakes', () => {
  test('a parent that is not defined, not yet, or the step itself', () => {
    // @ts-expect-error there is no step yet
    begin.step('a', { dependsOn: ['b'] }, () => 1);
    begin
      .step('a', () => 1)
      // @ts-expect-error itself
      .step('b', { dependsOn: ['b'] }, () => 1);
    begin
      .step('validate', () => 1)
      // @ts-expect-error says: '"validat"' is not assignable to type '"validate"'
      .step('price', { dependsOn: ['validat'] }, () => 1);
  });

  test('a name that is taken', () => {
    begin
      .step('a', () => 1)
      // @ts-expect-error says: step \"a\" is already defined
      .step('a', () => 2);
    begin
      .step('a', () => 1)
      // @ts-expect-error says: step \"a\" is already defined
      .step('a', { dependsOn: ['a'] }, () => 2);
  });

  test('an option that does not exist, or has the wrong type', () => {
    // @ts-expect-error says: Did you mean to write 'retryLimit'?
    begin.step('a', { retryLimt: 3 }, () => 1);
    // @ts-expect-error a text
    begin.step('a', { retryLimit: '3' }, () => 1);
    // @ts-expect-error says: Did you mean to write 'maxSeconds'?
    begin.step('a', { backoff: { maxSecond: 3 } }, () => 1);
    // @ts-expect-error not one of the three
    defineWorkflow({ name: 'x', input: z.object({}), identity: 'hash' });
    // @ts-expect-error defaults have no parents
    defineWorkflow({ name: 'x', input: z.object({}), defaults: { dependsOn: ['a'] } });
    // @ts-expect-error a schema that may be missing
    defineWorkflow({ name: 'x', input: undefined });
    // @ts-expect-error not a schema
    defineWorkflow({ name: 'x', input: { order_id: 'number' } });
  });

  test('no handler', () => {
    // @ts-expect-error the handler is missing
    begin.step('a', { retryLimit: 3 });
    // @ts-expect-error not a function
    begin.step('a', 5);
  });

  test('a result that is not JSON, at any depth', () => {
    // @ts-expect-error says: result is a function
    begin.step('a', () => () => 1);
    // @ts-expect-error says: result is a bigint: JSON has none, return a string
    begin.step('a', () => 5n);
    // @ts-expect-error says: result is a symbol
    begin.step('a', async () => Symbol('a'));
    // @ts-expect-error says: result.total is a bigint
    begin.step('a', async () => ({ total: 5n }));
    // @ts-expect-error says: result.list[].f is a function
    begin.step('a', {}, () => ({ list: [{ f: () => 1 }] }));
    // @ts-expect-error says: result is a Map: return Object.fromEntries(map)
    begin.step('a', () => new Map([['a', 1]]));
    // @ts-expect-error says: result.seen is a Set: return an array
    begin.step('a', () => ({ seen: new Set([1]) }));
    // @ts-expect-error says: result.id is a bigint
    begin.step('a', unfit);
  });

  test('what is JSON passes, in all its forms', () => {
    interface Row {
      id: number;
      tags: readonly string[];
      nested?: { at: Date };
    }
    begin
      .step('nothing', () => {})
      .step('later', async () => undefined)
      .step('always_throws', () => {
        throw new Error('no');
      })
      .step('row', (): Row => ({ id: 1, tags: [] }))
      .step('rows', async (): Promise<Row[]> => [])
      .step('choice', ({ attempt }) => (attempt > 1 ? { again: true } : null))
      .step('url', () => new URL('https://example.org'))
      .step('tuple', () => [1, 'a', null] as const)
      .step('any', () => JSON.parse('{}'))
      .step('thenable', (): PromiseLike<number> => Promise.resolve(1));
  });
});

describe('a definition', () => {
  const orders = begin
    .step('a', () => ({ at: new Date() }))
    .step('b', { dependsOn: ['a'] }, ({ parents }) => parents.a.at);

  test('is accepted wherever any definition is', () => {
    expectTypeOf(orders).toExtend<WorkflowDefinition>();
    expectTypeOf(orders.build()).toExtend<WorkflowDefinition>();
    const list: WorkflowDefinition[] = [orders, begin];
    expectTypeOf(list).toExtend<readonly WorkflowDefinition[]>();
  });

  test('has the types of the input of a submit and of the results of a task', () => {
    expectTypeOf<InputOf<typeof orders>>().toEqualTypeOf<{ order_id: string; note?: string | undefined }>();
    expectTypeOf<ResultsOf<typeof orders>['a']>().toEqualTypeOf<{ at: string }>();
    expectTypeOf<ResultsOf<typeof orders>['b']>().toEqualTypeOf<string>();
  });

  test('takes schedules with inputs of its schema', () => {
    const scheduled = orders.schedule({ key: 'k', cron: '@daily', input: { order_id: 'x' } });
    expectTypeOf<ResultsOf<typeof scheduled>['b']>().toEqualTypeOf<string>();
    // @ts-expect-error not the input
    orders.schedule({ key: 'k', cron: '@daily', input: { order: 'x' } });
  });

  test('does not change', () => {
    // @ts-expect-error read-only
    orders.build().name = 'other';
    // @ts-expect-error read-only
    orders.build().steps.push();
  });
});
