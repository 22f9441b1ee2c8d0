import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { WorkflowDefinitionError } from '../../src/errors.ts';
import { buildDefinition } from '../../src/workflow/build-definition.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { StepHandler, StepOptions } from '../../src/workflow/definition.ts';
import type { StandardSchema } from '../../src/workflow/standard-schema.ts';

const begin = defineWorkflow({ name: 'orders', input: z.object({ id: z.number() }) });

/** As a program without types would use it. */
interface Untyped {
  step(...args: unknown[]): Untyped;
  build(): ReturnType<typeof begin.build>;
}
const untyped = (options: Record<string, unknown> = {}) =>
  (defineWorkflow as unknown as (options: unknown) => Untyped)({ name: 'orders', input: z.object({}), ...options });
const handler = () => null;

const price = () => 1;

describe('a definition', () => {
  const options = {
    dependsOn: ['validate'],
    retryable: false,
    retryLimit: 7,
    backoff: { maxSeconds: 5 },
    timeoutSeconds: 1.5,
    queue: 'slow.mail-1',
    priority: -3,
    skippable: true,
    description: 'What it costs',
  } as const;
  const definition = begin.step('validate', handler).step('price', options, price).build();

  test('has defaults for everything that is not set', () => {
    expect(definition).toMatchObject({
      namespace: 'default',
      version: '0.1.0',
      description: undefined,
      identity: 'unique',
    });
    expect(definition.steps[0]).toEqual({
      name: 'validate',
      ordinal: 1,
      dependsOn: [],
      parentOrdinals: [],
      childOrdinals: [2],
      queue: 'default',
      priority: 0,
      retryable: true,
      retryLimit: 3,
      backoff: { maxSeconds: undefined },
      timeoutSeconds: undefined,
      skippable: false,
      description: undefined,
      handlerConfig: undefined,
      handler,
    });
  });

  test('has what is set', () => {
    expect(definition.steps[1]).toEqual({
      ...options,
      name: 'price',
      ordinal: 2,
      parentOrdinals: [1],
      childOrdinals: [],
      handlerConfig: undefined,
      handler: price,
    });
    expect(
      untyped({ namespace: 'shop', version: '1.20.3', description: 'd', identity: 'caller_key' })
        .step('a', handler)
        .build(),
    ).toMatchObject({
      namespace: 'shop',
      version: '1.20.3',
      description: 'd',
      identity: 'caller_key',
    });
  });

  test("takes the workflow's defaults for what the step does not set", () => {
    const defaults = { retryLimit: 9, queue: 'bulk', timeoutSeconds: 60, backoff: { maxSeconds: 2 }, skippable: true };
    const [first, second] = untyped({ defaults })
      .step('a', handler)
      .step('b', { queue: 'fast', backoff: { maxSeconds: undefined }, retryLimit: undefined }, handler)
      .build().steps;
    expect(first).toMatchObject({
      retryLimit: 9,
      queue: 'bulk',
      timeoutSeconds: 60,
      backoff: { maxSeconds: 2 },
      skippable: true,
    });
    expect(second).toMatchObject({ retryLimit: 9, queue: 'fast', timeoutSeconds: 60, backoff: { maxSeconds: 2 } });
  });

  test.each([
    [{ initialSeconds: 60 }, {}, { initialSeconds: 60, maxSeconds: undefined }],
    [{ initialSeconds: 60 }, { maxSeconds: 10 }, { initialSeconds: 60, maxSeconds: 60 }],
    [{ maxSeconds: 10 }, { initialSeconds: 60 }, { initialSeconds: 10, maxSeconds: 10 }],
    [{}, { initialSeconds: 60, maxSeconds: 90 }, { initialSeconds: 60, maxSeconds: 90 }],
  ])('with the backoff %o over the defaults %o has the backoff %o', (backoff, defaults, settled) => {
    const [step] = untyped({ defaults: { backoff: defaults } })
      .step('a', { backoff }, handler)
      .build().steps;
    expect(step?.backoff).toEqual(settled);
  });

  test('is frozen to the bottom', () => {
    const open = unfrozen(definition, 'definition');
    expect(open).toEqual([]);
  });

  test('does not change with what it was made of', () => {
    const parents = ['a'];
    const backoff = { maxSeconds: 1 };
    const defaults = { backoff: { maxSeconds: 9 } };
    const workflow = untyped({ defaults }).step('a', handler).step('b', { dependsOn: parents, backoff }, handler);
    parents.push('zzz');
    backoff.maxSeconds = 2;
    defaults.backoff.maxSeconds = 8;
    expect(workflow.build().steps.map(({ dependsOn, backoff: { maxSeconds } }) => [dependsOn, maxSeconds])).toEqual([
      [[], 9],
      [['a'], 1],
    ]);
  });

  test('can be read without build(), and is built once', () => {
    const workflow = begin.step('a', handler);
    expect(workflow.steps).toBe(workflow.build().steps);
    expect([workflow.namespace, workflow.name, workflow.version, workflow.identity, workflow.description]).toEqual([
      'default',
      'orders',
      '0.1.0',
      'unique',
      undefined,
    ]);
    expect(workflow.inputSchema).toBe(workflow.build().inputSchema);
  });

  test('grows without changing what it grew from', () => {
    const first = begin.step('a', handler);
    const left = first.step('left', handler);
    const right = first.step('right', handler);
    expect(first.build().steps.map(({ name }) => name)).toEqual(['a']);
    expect(left.build().steps.map(({ name }) => name)).toEqual(['a', 'left']);
    expect(right.build().steps.map(({ name }) => name)).toEqual(['a', 'right']);
  });

  test('numbers steps in topological order, whatever the order they came in', () => {
    const steps = [
      { name: 'c', options: { dependsOn: ['b', 'a'] }, handler },
      { name: 'b', options: { dependsOn: ['a'] }, handler },
      { name: 'a', handler },
    ];
    const built = buildDefinition({ name: 'x', input: z.any() }, steps).steps;
    expect(
      built.map(({ name, ordinal, parentOrdinals, childOrdinals }) => [name, ordinal, parentOrdinals, childOrdinals]),
    ).toEqual([
      ['a', 1, [], [2, 3]],
      ['b', 2, [1], [3]],
      ['c', 3, [1, 2], []],
    ]);
    expect(built[2]?.dependsOn).toEqual(['b', 'a']);
  });

  test('takes a schema of any library, a function too', () => {
    const schema = Object.assign(() => null, {
      '~standard': { version: 1, vendor: 'mine', validate: (value: unknown) => ({ value }) },
    } satisfies StandardSchema);
    expect(untyped({ input: schema }).step('a', handler).build().inputSchema).toBe(schema);
  });

  test('of 10,000 steps is made one by one', () => {
    let workflow = untyped().step('s0', handler);
    for (let index = 1; index < 10_000; index++)
      workflow = workflow.step(`s${index}`, { dependsOn: [`s${index - 1}`] }, handler);
    expect(workflow.build().steps.at(-1)).toMatchObject({ name: 's9999', ordinal: 10_000, parentOrdinals: [9_999] });
  });
});

describe('a mistake in a workflow is refused at defineWorkflow', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['no name', { name: undefined }, /^workflow default\/\(no name\) 0\.1\.0: the name is missing$/],
    ['a name with a space', { name: 'Order Flow' }, /the name is "Order Flow": .*, for example "order_flow"$/],
    ['a name with a slash', { name: 'api/orders' }, /for example "api_orders"$/],
    ['an empty name', { name: '' }, /the name is ""/],
    ['a name of 129 characters', { name: 'a'.repeat(129) }, /1 to 128 characters/],
    ['a name that is a number', { name: 5 }, /the name is 5/],
    ['a bad namespace', { namespace: 'Shop' }, /namespace: the name is "Shop".*"shop"$/],
    ['a version of two numbers', { version: '1.0' }, /the version is "1\.0": it has three numbers/],
    ['a version with a leading zero', { version: '1.02.0' }, /without leading zeros/],
    ['a version that is a number', { version: 1 }, /put it in quotes/],
    ['a description that is not a text', { description: 5 }, /description is 5: it is a text/],
    ['a description of a book', { description: 'x'.repeat(2001) }, /description is 2001 characters long/],
    ['a description that PostgreSQL cannot store', { description: 'a\u0000b' }, /description contains characters/],
    ['an unknown identity', { identity: 'content_hsh' }, /identity is "content_hsh": .*did you mean "content_hash"\?$/],
    [
      'an identity that is not a text',
      { identity: 5 },
      /identity is 5: it is one of unique, content_hash, caller_key$/,
    ],
    [
      'a time to keep tasks that is none',
      { keep: { complete: '30 days' } },
      /keep\.complete is "30 days": use forever, or a number with s, m, h, d, w or y behind it/,
    ],
    [
      'a state in which no task ends',
      { keep: { completed: '30d' } },
      /keep\.completed is no state in which a task ends: use complete, resolved_manually, cancelled, error/,
    ],
    ['a policy that is no object', { keep: '30d' }, /keep is "30d": it is an object by state/],
    [
      'an unknown reuse rule',
      { identity: 'caller_key', reuse: 'afterFailed' },
      /reuse is "afterFailed": it is one of never, afterFailure, afterEnd: did you mean "afterFailure"\?$/,
    ],
    [
      'a negative window',
      { identity: 'caller_key', reuse: 'afterEnd', reuseAfterSeconds: -1 },
      /reuseAfterSeconds is -1/,
    ],
    ['reuse of what is never the same', { reuse: 'afterEnd' }, /reuse is set, but with the identity "unique"/],
    [
      'a window without a rule',
      { identity: 'caller_key', reuseAfterSeconds: 5 },
      /reuseAfterSeconds is set without reuse/,
    ],
    ['no schema', { input: undefined }, /input is undefined: it is a schema, such as z\.object/],
    ['a schema that is none', { input: { id: 'number' } }, /input is {"id":"number"}/],
    ['a schema of another standard', { input: { '~standard': { version: 2, validate: handler } } }, /input is/],
    ['a misspelt option', { verison: '1.0.0' }, /unknown option "verison": did you mean "version"\?$/],
    ['defaults with parents', { defaults: { dependsOn: ['a'] } }, /defaults: unknown option "dependsOn"$/],
    ['defaults out of range', { defaults: { retryLimit: 0 } }, /defaults: retryLimit is 0/],
    ['defaults that are none', { defaults: 5 }, /defaults: the options are 5/],
  ])('%s', (_, options, message) => {
    expect(() => untyped(options)).toThrow(WorkflowDefinitionError);
    expect(() => untyped(options)).toThrow(message);
  });

  test('options that are no options', () => {
    for (const options of [undefined, null, 5, [], 'orders']) {
      expect(() => (defineWorkflow as (options: unknown) => unknown)(options)).toThrow(
        /the options are .*: they are an object/,
      );
    }
  });

  test('several mistakes are reported together', () => {
    expect(() => untyped({ name: 'A', version: '1', input: 5 })).toThrow(
      /:\n {2}- the name is "A".*\n {2}- the version.*\n {2}- input/,
    );
  });
});

describe('a mistake in a step is refused at step()', () => {
  test.each<[string, StepOptions | Record<string, unknown>, RegExp]>([
    ['a misspelt option', { retryLimt: 3 }, /step "a": unknown option "retryLimt": did you mean "retryLimit"\?$/],
    ['the SQL name of an option', { retry_limit: 3 }, /did you mean "retryLimit"\?$/],
    ['an option like no other', { colour: 'red' }, /unknown option "colour"$/],
    ['no attempts', { retryLimit: 0 }, /retryLimit is 0: it is a whole number from 1 to 1000/],
    ['half an attempt', { retryLimit: 1.5 }, /retryLimit is 1\.5/],
    ['attempts without end', { retryLimit: Infinity }, /retryLimit is Infinity/],
    ['too many attempts', { retryLimit: 1001 }, /retryLimit is 1001/],
    ['a limit as text', { retryLimit: '3' }, /retryLimit is "3"/],
    [
      'a timeout of zero',
      { timeoutSeconds: 0 },
      /timeoutSeconds is 0: it is a number of seconds above 0 and up to 604800/,
    ],
    ['a timeout that no timer can hold', { timeoutSeconds: 2 ** 31 }, /timeoutSeconds is 2147483648/],
    ['a timeout that is not a number', { timeoutSeconds: NaN }, /timeoutSeconds is NaN/],
    ['a priority beyond smallint', { priority: 32_768 }, /priority is 32768: .*a lower number runs sooner/],
    ['a priority below smallint', { priority: -32_769 }, /priority is -32769/],
    ['a queue with capitals', { queue: 'Mail' }, /queue is "Mail": a queue's name/],
    ['a queue without a name', { queue: '' }, /queue is ""/],
    ['a text for a flag', { retryable: 'false' }, /retryable is "false": it is true or false/],
    ['a number for a flag', { skippable: 1 }, /skippable is 1/],
    ['a backoff that is a number', { backoff: 30 }, /backoff is 30: it is an object such as \{ maxSeconds: 30 \}/],
    [
      'a backoff that is misspelt',
      { backoff: { maxSecond: 3 } },
      /backoff has an unknown option "maxSecond": did you mean "maxSeconds"\?/,
    ],
    [
      'a first wait above the longest',
      { backoff: { initialSeconds: 61, maxSeconds: 60 } },
      /backoff\.initialSeconds is 61: it is at most maxSeconds, which is 60/,
    ],
    [
      'a first wait of nothing',
      { backoff: { initialSeconds: 0 } },
      /backoff\.initialSeconds is 0: it is a number of seconds/,
    ],
    ['a backoff out of range', { backoff: { maxSeconds: 86_401 } }, /backoff\.maxSeconds is 86401/],
    ['one parent without a list', { dependsOn: 'b' }, /dependsOn is "b": it is an array of step names/],
    ['a parent that is not a name', { dependsOn: [5] }, /dependsOn is \[5\]/],
    ['options that are a list', [] as unknown as StepOptions, /the options are \[\]: they are an object/],
  ])('%s', (_, options, message) => {
    expect(() => untyped().step('a', options, handler)).toThrow(WorkflowDefinitionError);
    expect(() => untyped().step('a', options, handler)).toThrow(message);
  });

  test('the edges of the ranges are allowed', () => {
    for (const options of [
      { retryLimit: 1, priority: -32_768, timeoutSeconds: 0.001, backoff: { maxSeconds: 0.1 } },
      { retryLimit: 1000, priority: 32_767, timeoutSeconds: 604_800, backoff: { maxSeconds: 86_400 } },
    ]) {
      expect(untyped().step('a', options, handler).build().steps[0]).toMatchObject(options);
    }
  });

  test.each([
    ['a name with capitals', 'sendMail', 'for example "send_mail"'],
    ['a name that begins with a digit', '2nd', 'for example "nd"'],
    ['a name that nothing can be made of', '---', 'the first one a letter'],
    ['a name that is no text', null, 'the name is null'],
  ])('%s', (_, name, message) => expect(() => untyped().step(name, handler)).toThrow(message));

  test.each([
    ['no handler', ['a']],
    ['no handler after the options', ['a', { retryLimit: 3 }]],
    ['a handler that is a promise', ['a', {}, Promise.resolve()]],
  ])('%s', (_, args) => expect(() => untyped().step(...args)).toThrow(/there is no handler: .* is not a function/));

  test('a list of steps that is missing', () => {
    const build = buildDefinition as (options: unknown) => unknown;
    expect(() => build({ name: 'x', steps: [] })).toThrow('the steps, the second argument, are undefined: give a list');
  });

  test('names that objects have anyway are names like others', () => {
    const workflow = untyped()
      .step('constructor', handler)
      .step('b', { dependsOn: ['constructor'] }, handler);
    expect(workflow.build().steps[1]?.parentOrdinals).toEqual([1]);
    expect(() =>
      untyped()
        .step('a', { dependsOn: ['constructor'] }, handler)
        .build(),
    ).toThrow(/unknown step "constructor"/);
  });
});

describe('a mistake in the graph is refused when the definition is read', () => {
  test.each<[string, (workflow: Untyped) => Untyped, RegExp]>([
    ['no steps', (workflow) => workflow, /^workflow default\/orders 0\.1\.0 has no steps: add at least one$/],
    ['a name twice', (workflow) => workflow.step('a', handler).step('a', handler), /step "a" is defined twice$/],
    [
      'an unknown parent',
      (workflow) => workflow.step('price', handler).step('b', { dependsOn: ['prise'] }, handler),
      /step "b" depends on the unknown step "prise": did you mean "price"\?$/,
    ],
    ['itself', (workflow) => workflow.step('a', { dependsOn: ['a'] }, handler), /step "a" depends on itself$/],
    [
      'a cycle',
      (workflow) => workflow.step('a', { dependsOn: ['b'] }, handler).step('b', { dependsOn: ['a'] }, handler),
      /orders 0\.1\.0 has a cycle: (a -> b -> a|b -> a -> b)$/,
    ],
  ])('%s', (_, steps, message) => {
    const workflow = steps(untyped());
    expect(() => workflow.build()).toThrow(message);
    expect(() => (workflow as unknown as { steps: unknown }).steps).toThrow(WorkflowDefinitionError);
  });

  test('more mistakes than anyone reads are cut, and all are in the details', () => {
    const steps = Array.from({ length: 80 }, (_, index) => ({
      name: `s${index}`,
      options: { dependsOn: ['nobody'] },
      handler,
    }));
    const error = caught(() => buildDefinition({ name: 'x', input: z.any() }, steps));
    expect(error.message).toMatch(/\.\.\. and 30 more$/);
    expect(error.details['problems']).toHaveLength(80);
    expect(error.code).toBe('WORKFLOW_DEFINITION_INVALID');
  });

  test('a list of steps is checked like steps one by one', () => {
    const error = caught(() =>
      buildDefinition({ name: 'x', input: z.any() }, [
        { name: 'A', options: { retryLimit: -1 }, handler: 5 as unknown as StepHandler },
      ]),
    );
    expect(error.message.match(/step "A":/g)).toHaveLength(3);
  });
});

function caught(action: () => unknown): WorkflowDefinitionError {
  try {
    action();
  } catch (error) {
    if (error instanceof WorkflowDefinitionError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The paths of every object that could still be changed; the schema and the handlers belong to the user. */
function unfrozen(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const members = Object.entries(value).filter(([key]) => key !== 'inputSchema' && key !== 'handler');
  return [
    ...(Object.isFrozen(value) ? [] : [path]),
    ...members.flatMap(([key, member]) => unfrozen(member, `${path}.${key}`)),
  ];
}
