import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type StepInput, buildDefinition } from '../../src/workflow/build-definition.ts';
import { definitionConfiguration, definitionHash } from '../../src/workflow/configuration.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { StepOptions } from '../../src/workflow/definition.ts';

const options = { namespace: 'shop', name: 'orders', version: '1.0.0', input: z.object({ id: z.number() }) };
const orders = defineWorkflow({ ...options, description: 'What a shop does' })
  .step('validate', () => null)
  .step(
    'price',
    { dependsOn: ['validate'], retryLimit: 5, timeoutSeconds: 30, backoff: { maxSeconds: 9 }, description: 'd' },
    () => 1,
  );

test('the configuration is the definition as JSON, in snake_case, without its code', () => {
  expect(definitionConfiguration(orders)).toEqual({
    namespace: 'shop',
    name: 'orders',
    version: '1.0.0',
    description: 'What a shop does',
    identity: 'unique',
    steps: [
      {
        name: 'validate',
        ordinal: 1,
        depends_on: [],
        queue: 'default',
        priority: 0,
        retryable: true,
        retry_limit: 3,
        backoff: { max_seconds: null },
        timeout_seconds: null,
        skippable: false,
      },
      {
        name: 'price',
        ordinal: 2,
        depends_on: ['validate'],
        queue: 'default',
        priority: 0,
        retryable: true,
        retry_limit: 5,
        backoff: { max_seconds: 9 },
        timeout_seconds: 30,
        skippable: false,
        description: 'd',
      },
    ],
  });
  expect(JSON.parse(JSON.stringify(definitionConfiguration(orders)))).toEqual(definitionConfiguration(orders));
});

const build = (step: StepOptions = {}, extra: Partial<StepInput> = {}, overrides = {}) =>
  definitionHash(
    buildDefinition({ ...options, ...overrides }, [
      { name: 'a', handler: () => 1 },
      { name: 'b', handler: () => 1 },
      { name: 'c', options: { dependsOn: ['a', 'b'], ...step }, handler: () => 1, ...extra },
    ]),
  );

describe('the hash', () => {
  test('is the same in every process and release', () =>
    expect(definitionHash(orders)).toBe('cab24d1416f079595940cc26d826c55ab581dcd8b439e235bcaeed978dd1bfbf'));

  test('is the same for the builder and what it builds', () =>
    expect(definitionHash(orders)).toBe(definitionHash(orders.build())));

  test('does not depend on handlers, schemas, the order of parents, or defaults that were written out', () => {
    for (const same of [
      build({}, { handler: () => 2 }),
      build({}, {}, { input: z.any() }),
      build({ dependsOn: ['b', 'a'] }),
      build({
        retryLimit: 3,
        queue: 'default',
        priority: 0,
        retryable: true,
        skippable: false,
      }),
      build({}, {}, { identity: 'unique', defaults: { retryLimit: 3 } }),
    ]) {
      expect(same).toBe(build());
    }
  });

  test('sees everything else', () => {
    const hashes = [
      build(),
      build({ dependsOn: ['a'] }),
      build({ retryLimit: 4 }),
      build({ retryable: false }),
      build({ backoff: { maxSeconds: 30 } }),
      build({ backoff: { maxSeconds: 31 } }),
      build({ backoff: { initialSeconds: 3, maxSeconds: 30 } }),
      build({ timeoutSeconds: 5 }),
      build({ queue: 'other' }),
      build({ priority: 1 }),
      build({ skippable: true }),
      build({ description: 'd' }),
      build({}, { handlerConfig: { url: 'x' } }),
      build({}, { name: 'd' }),
      build({}, {}, { namespace: 'other' }),
      build({}, {}, { name: 'other' }),
      build({}, {}, { version: '1.0.1' }),
      build({}, {}, { description: 'd' }),
      build({}, {}, { identity: 'content_hash' }),
      build({}, {}, { identity: 'content_hash', reuse: 'afterEnd' }),
      build({}, {}, { identity: 'content_hash', reuse: 'afterEnd', reuseAfterSeconds: 1 }),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});
