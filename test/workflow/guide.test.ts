import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { WorkflowDefinitionError } from '../../src/errors.ts';
import { definitionConfiguration } from '../../src/workflow/configuration.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { validateInput } from '../../src/workflow/validate-input.ts';
import { loadWorkflowYaml } from '../../src/workflow/yaml.ts';
import { FIELD_OF_OPTION } from '../../src/workflow/yaml-fields.ts';

/** The guide to defining workflows agrees with the code. */
const guide = await readFile(path.resolve(import.meta.dirname, '../../docs/guides/defining-workflows.md'), 'utf8');

const blocks = (language: string) =>
  [...guide.matchAll(new RegExp(String.raw`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, text]) => text ?? '');

describe('the guide', () => {
  test('has a template that loads, and an error message that is true', async () => {
    const [template = ''] = blocks('yaml');
    const handlers = { 'Shop::FetchCart': () => null, 'Shop::CreateOrder': () => null };
    const load = (text: string) =>
      loadWorkflowYaml(text, { handlers, environment: 'test', source: 'cart_checkout.yaml' });
    expect(definitionConfiguration(load(template))).toMatchObject({
      steps: [
        { name: 'fetch_cart', handler_config: { url: 'http://localhost/cart' } },
        { name: 'create_order', retry_limit: 5 },
      ],
    });
    const [message = ''] = /^cart_checkout\.yaml: line .*$/m.exec(guide) ?? [];
    expect(() => load(template.replace('default_retry_limit', 'retry_limit'))).toThrow(
      new WorkflowDefinitionError(message, expect.anything()),
    );
  });

  test('has the message of an input that does not fit', async () => {
    const orders = defineWorkflow({
      namespace: 'shop',
      name: 'order_fulfillment',
      version: '1.0.0',
      input: z.object({ order_id: z.number() }),
    }).step('a', () => null);
    const error: unknown = await validateInput(orders, { order_id: 'x' }).catch((thrown: unknown) => thrown);
    expect(blocks('text')).toContain(`${(error as Error).message}\n`);
  });

  test('has a row for every option and every field', () => {
    const options = [...Object.keys(FIELD_OF_OPTION), ...Object.values(FIELD_OF_OPTION)];
    const columns = new Set(
      [...guide.matchAll(/^\| ([^|]*) \|/gm)].flatMap(([, cell = '']) => cell.match(/\w+/g) ?? []),
    );
    for (const option of options) expect(columns).toContain(option);
  });
});
