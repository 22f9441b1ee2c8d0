import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { InvalidInputError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { StandardSchema } from '../../src/workflow/standard-schema.ts';
import { loadWorkflowYaml } from '../../src/workflow/yaml.ts';
import { useEngine } from '../engine/engine-fixture.ts';

const engine = await useEngine();
const client = createClient({ url: engine.test.url, notify: false });
afterAll(() => client.close());

const order = (input: StandardSchema, version = '1.9.0', namespace = 'shop') =>
  defineWorkflow({ name: 'order', namespace, version, description: 'Sells.', input })
    .step('reserve', () => 1)
    .step('charge', { dependsOn: ['reserve'], queue: 'payments', retryLimit: 5, timeoutSeconds: 9 }, () => 2);

describe('a registered workflow', () => {
  it('has its steps and the JSON Schema of its input, members in their order', async () => {
    await engine.workflow(
      order(z.object({ zip: z.string().describe('Où?'), amount: z.int().default(1), city: z.string() })),
    );
    const found = await client.workflow('shop/order');
    expect(found).toMatchObject({
      namespace: 'shop',
      workflow: 'order',
      version: '1.9.0',
      description: 'Sells.',
      registered: true,
      identity: 'unique',
      workers: [],
      problems: [],
      versions: ['1.9.0'],
    });
    expect(found?.steps).toEqual([
      {
        name: 'reserve',
        description: null,
        depends_on: [],
        queue: 'default',
        priority: 0,
        retryable: true,
        retry_limit: 3,
        timeout_seconds: null,
        skippable: false,
      },
      {
        name: 'charge',
        description: null,
        depends_on: ['reserve'],
        queue: 'payments',
        priority: 0,
        retryable: true,
        retry_limit: 5,
        timeout_seconds: 9,
        skippable: false,
      },
    ]);
    const schema = found?.input_schema as { properties: Record<string, { description?: string }>; required: string[] };
    expect(Object.keys(schema.properties)).toEqual(['zip', 'amount', 'city']);
    // A submit may leave out what has a default.
    expect(schema.required).toEqual(['zip', 'city']);
    expect(schema.properties['zip']?.description).toBe('Où?');
  });

  it('takes a changed schema under the same version and the same hash, and is the newest version by default', async () => {
    const hashOf = async () =>
      (
        await engine.test.query(
          `SELECT definition_hash FROM tasker.tasker_named_tasks WHERE name = 'order' AND version = '1.9.0'`,
        )
      )[0];
    const before = await hashOf();
    await engine.workflow(order(z.object({ other: z.boolean() })));
    expect(await client.workflow('order')).toMatchObject({
      input_schema: { properties: { other: { type: 'boolean' } } },
    });
    expect(await hashOf()).toEqual(before);
    await engine.workflow(order(z.object({ newest: z.string() }), '1.10.0'));
    expect(await client.workflow('order')).toMatchObject({ version: '1.10.0', versions: ['1.10.0', '1.9.0'] });
    expect(await client.workflow('order@1.9.0')).toMatchObject({ version: '1.9.0' });
    expect(await client.workflow('order@7')).toBeUndefined();
  });

  it('has null for a schema without a description, and is served all the same', async () => {
    const bare: StandardSchema = { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } };
    const broken = {
      '~standard': {
        ...bare['~standard'],
        jsonSchema: {
          input: () => {
            throw new Error('no');
          },
        },
      },
    } as StandardSchema;
    for (const [place, input] of [bare, broken].entries()) {
      await engine.workflow(order(input, `2.${place}.0`, 'bare'));
      expect((await client.workflow(`bare/order@2.${place}.0`))?.input_schema).toBeNull();
    }
    await engine.workflow(order(z.object({ when: z.date().optional(), n: z.int() }), '3.0.0', 'bare'));
    expect(await client.workflow('bare/order@3.0.0')).toMatchObject({ input_schema: { properties: { n: {} } } });
  });

  it('of a YAML template has the schema as it is written', async () => {
    const definition = loadWorkflowYaml(
      `name: greet
namespace_name: yaml
version: 1.0.0
schema:
  type: object
  required: [who]
  properties:
    who: { type: string, writeOnly: true }
step_templates:
  - { name: greet, handler_class: greet }
`,
      { handlers: { greet: () => 'hello' } },
    );
    await engine.workflow(definition);
    expect((await client.workflow('yaml/greet'))?.input_schema).toEqual({
      type: 'object',
      required: ['who'],
      properties: { who: { type: 'string', writeOnly: true } },
    });
  });

  it('is refused without its namespace if several have the name, and with a name that is none', async () => {
    await expect(client.workflow('order')).rejects.toThrow(/namespaces bare and shop/);
    await expect(client.workflow('a/b/c')).rejects.toThrow(InvalidInputError);
    expect(await client.workflow('nobody')).toBeUndefined();
  });
});
