import { describe, expect, test } from 'vitest';
import { WorkflowDefinitionError } from '../../src/errors.ts';
import { definitionConfiguration } from '../../src/workflow/configuration.ts';
import { validateInput } from '../../src/workflow/validate-input.ts';
import { cpuSeconds } from './cpu-seconds.ts';
import { type LoadYamlOptions, type YamlStepHandler, loadWorkflowYaml } from '../../src/workflow/yaml.ts';

const handlers: Record<string, YamlStepHandler> = {
  'Shop::FetchCart': (context, config) => ({ step: context.stepName, config }),
  'Shop::FetchProducts': () => null,
  'Shop::CreateOrder': () => null,
};
const load = (text: string, options: Partial<LoadYamlOptions> = {}) => loadWorkflowYaml(text, { handlers, ...options });

/** Complete, with every field of the format of Tasker (Ruby). */
const CART = `
name: cart_checkout
namespace_name: ecommerce
version: 2.1.0
description: From cart to order
task_handler_class: Shop::CheckoutHandler
module_namespace: Shop
concurrent: true
default_dependent_system: shop
named_steps: [fetch_cart, fetch_products, create_order]
schema:
  type: object
  required: [cart_id]
  properties:
    cart_id: { type: integer }
    express: { type: boolean, default: false }
step_templates:
  - name: create_order
    handler_class: Shop::CreateOrder
    depends_on_step: fetch_cart
    depends_on_steps: [fetch_products, fetch_cart]
    default_retryable: false
    default_retry_limit: 5
    skippable: true
    queue: orders
    priority: -1
    timeout_seconds: 20
    backoff_max_seconds: 60
  - name: fetch_cart
    description: The cart
    dependent_system: cart_service
    handler_class: Shop::FetchCart
    handler_config:
      type: api
      url: https://shop.example/cart
      params: { id: 1, tags: [a, b] }
    custom_events:
      - { name: cart.fetched, description: when it is there }
  - name: fetch_products
    handler_class: Shop::FetchProducts
environments:
  test:
    step_templates:
      - name: fetch_cart
        handler_config:
          url: http://localhost/cart
          params: { debug: true, tags: [c] }
      - name: create_order
        default_retry_limit: 1
        depends_on_step: fetch_products
        depends_on_steps: []
  production:
`;

describe('templates of Tasker (Ruby)', () => {
  const definition = load(CART);

  test('every field has its place', () => {
    expect(definition).toMatchObject({
      namespace: 'ecommerce',
      name: 'cart_checkout',
      version: '2.1.0',
      description: 'From cart to order',
      identity: 'unique',
    });
    expect(definition.steps.map(({ name }) => name)).toEqual(['fetch_cart', 'fetch_products', 'create_order']);
    expect(definition.steps[2]).toMatchObject({
      dependsOn: ['fetch_cart', 'fetch_products'],
      retryable: false,
      retryLimit: 5,
      skippable: true,
      queue: 'orders',
      priority: -1,
      timeoutSeconds: 20,
      backoff: { maxSeconds: 60 },
    });
    expect(definition.steps[1]).toMatchObject({ dependsOn: [], retryable: true, retryLimit: 3, skippable: false });
    expect(definition.steps[0]).toMatchObject({ description: 'The cart' });
  });

  test('the schema checks the input and fills in defaults', async () => {
    expect(await validateInput(definition, { cart_id: 5, more: 'kept' })).toEqual({
      cart_id: 5,
      express: false,
      more: 'kept',
    });
    await expect(validateInput(definition, {})).rejects.toThrow(/cart_id: .*\(the value is missing\)/);
    await expect(validateInput(definition, { cart_id: 1.5 })).rejects.toThrow(/cart_id: .*expected int/);
  });

  test('a handler gets the context and its own handler_config', () => {
    const context = { stepName: 'fetch_cart' } as Parameters<YamlStepHandler>[0];
    expect(definition.steps[0]?.handler(context)).toEqual({
      step: 'fetch_cart',
      config: { type: 'api', url: 'https://shop.example/cart', params: { id: 1, tags: ['a', 'b'] } },
    });
  });

  test('handler_config is part of the configuration', () =>
    expect(definitionConfiguration(definition)).toMatchObject({
      steps: [{ handler_config: { url: 'https://shop.example/cart' } }, {}, {}],
    }));

  test('an environment is merged by name: maps member by member, the rest replaced', () => {
    const { steps } = load(CART, { environment: 'test' });
    expect(steps.find(({ name }) => name === 'fetch_cart')?.handlerConfig).toEqual({
      type: 'api',
      url: 'http://localhost/cart',
      params: { id: 1, tags: ['c'], debug: true },
    });
    expect(steps.find(({ name }) => name === 'create_order')).toMatchObject({
      retryLimit: 1,
      dependsOn: ['fetch_products'],
      queue: 'orders',
    });
  });

  test('a map takes the place of something else, and the other way round', () => {
    const text = `
name: a
step_templates: [{ name: a, handler_class: Shop::FetchCart, handler_config: { x: { y: 1 }, z: 2, w: [1] } }]
environments: { test: { step_templates: [{ name: a, handler_config: { x: 5, z: { y: 3 }, w: null } }] } }
`;
    expect(load(text, { environment: 'test' }).steps[0]?.handlerConfig).toEqual({ x: 5, z: { y: 3 }, w: null });
  });

  test('an environment without overrides, or that the file does not have, changes nothing', () => {
    const plain = definitionConfiguration(definition);
    expect(definitionConfiguration(load(CART, { environment: 'production' }))).toEqual(plain);
    expect(definitionConfiguration(load(CART, { environment: 'staging' }))).toEqual(plain);
  });

  test('the least that is needed', async () => {
    const small = load('name: small\nstep_templates:\n  - name: a\n    handler_class: Shop::FetchCart\n');
    expect(small).toMatchObject({ namespace: 'default', version: '0.1.0' });
    expect(await validateInput(small, [1, 'anything'])).toEqual([1, 'anything']);
  });

  test('anchors, aliases and merges', () => {
    const { steps } = load(`
name: merged
step_templates:
  - &base
    name: a
    handler_class: Shop::FetchCart
    handler_config: &config { url: x }
    default_retry_limit: 7
  - <<: *base
    name: b
    handler_config: { <<: *config, more: 1 }
`);
    expect(steps.map(({ retryLimit, handlerConfig }) => [retryLimit, handlerConfig])).toEqual([
      [7, { url: 'x' }],
      [7, { url: 'x', more: 1 }],
    ]);
  });

  test('the time for which tasks are kept can be set', () =>
    expect(
      load(CART.replace('version: 2.1.0', 'version: 2.1.0\nkeep: { complete: 30d, error: forever }')),
    ).toMatchObject({ keep: { complete: '30d', error: 'forever' } }));

  test('the reuse rule can be chosen', () =>
    expect(
      load(CART.replace('version: 2.1.0', 'identity: caller_key\nreuse: afterEnd\nreuse_after_seconds: 60')),
    ).toMatchObject({ reuse: 'afterEnd', reuseAfterSeconds: 60 }));

  test('the identity can be chosen', () =>
    expect(load(CART.replace('version: 2.1.0', 'identity: caller_key')).identity).toBe('caller_key'));

  test('__proto__ in a handler_config is data', () => {
    const text = CART.replace('type: api', '__proto__: { admin: true }');
    const { steps } = load(text, { environment: 'test' });
    const config = steps.find(({ name }) => name === 'fetch_cart')?.handlerConfig as { admin?: boolean };
    expect(Object.keys(config)).toContain('__proto__');
    expect(config.admin).toBeUndefined();
  });
});

const problem = (text: string, options: Partial<LoadYamlOptions> = {}): string => {
  try {
    load(text, { source: 'cart.yaml', ...options });
  } catch (error) {
    if (error instanceof WorkflowDefinitionError) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
};
const changed = (from: string | RegExp, to: string) => {
  expect(CART).toMatch(from instanceof RegExp ? from : new RegExp(from.replaceAll(/[[\]{}()*]/g, String.raw`\$&`)));
  return problem(CART.replace(from, to));
};

describe('a mistake is reported with its line, its field and the word that was meant', () => {
  test.each<[string, string | RegExp, string, string]>([
    [
      'an unknown key',
      'version: 2.1.0',
      'verison: 2.1.0',
      'line 4, column 1: verison is not a known key: did you mean "version"?',
    ],
    [
      'an unknown key of a step',
      'default_retryable:',
      'retryable:',
      'line 22, column 5: step_templates[0].retryable is not a known key: did you mean "default_retryable"?',
    ],
    [
      'an unknown key of an environment',
      '  test:\n    step_templates:',
      '  test:\n    steps:',
      'line 43, column 5: environments.test.steps is not a known key',
    ],
    [
      'an unknown key of an override',
      'default_retry_limit: 1\n',
      'default_retry_limt: 1\n',
      'environments.test.step_templates[1].default_retry_limt is not a known key: did you mean "default_retry_limit"?',
    ],
    ['no name', 'name: cart_checkout\n', '', 'line 2, column 1: name is missing'],
    [
      'a step without a handler',
      '    handler_class: Shop::FetchProducts\n',
      '',
      'line 39, column 5: step_templates[2].handler_class is missing',
    ],
    [
      'a version that is a number',
      'version: 2.1.0',
      'version: 2.1',
      'line 4, column 10: version has to be a text: put it in quotes',
    ],
    [
      'a version of two numbers',
      'version: 2.1.0',
      'version: "2.1"',
      'line 4, column 10: version is "2.1": it has three numbers',
    ],
    [
      'a name with a slash',
      'name: cart_checkout',
      'name: shop/cart_checkout',
      'line 2, column 7: name is "shop/cart_checkout": a name has 1 to 128 characters a-z, 0-9 and _, the first one a letter, for example "shop_cart_checkout"',
    ],
    ['a namespace with capitals', 'ecommerce', 'ECommerce', 'line 3, column 17: namespace_name is "ECommerce"'],
    [
      'a limit that is a text',
      'default_retry_limit: 5',
      'default_retry_limit: five',
      'step_templates[0].default_retry_limit has to be a number',
    ],
    [
      'a limit of nothing',
      'default_retry_limit: 5',
      'default_retry_limit: 0',
      'line 23, column 5: step_templates[0].default_retry_limit is 0: it is a whole number from 1 to 1000',
    ],
    [
      'a first wait above the longest',
      'backoff_max_seconds: 60',
      'backoff_initial_seconds: 61\n    backoff_max_seconds: 60',
      'step_templates[0].backoff_initial_seconds is 61: it is at most backoff_max_seconds, which is 60',
    ],
    [
      'a backoff out of range',
      'backoff_max_seconds: 60',
      'backoff_max_seconds: -1',
      'line 28, column 5: step_templates[0].backoff_max_seconds is -1: it is a number of seconds',
    ],
    [
      'a queue with a space',
      'queue: orders',
      'queue: my orders',
      'line 25, column 5: step_templates[0].queue is "my orders"',
    ],
    [
      'a handler that was not given',
      'Shop::CreateOrder',
      'Shop::CreateOder',
      'line 19, column 20: step_templates[0].handler_class "Shop::CreateOder" is not among the handlers given: did you mean "Shop::CreateOrder"?',
    ],
    [
      'a handler that every object has',
      'Shop::CreateOrder',
      'constructor',
      'step_templates[0].handler_class "constructor" is not among the handlers given',
    ],
    [
      'a name of a step with capitals',
      'name: fetch_products',
      'name: FetchProducts',
      'step_templates[2].name is "FetchProducts": a name',
    ],
    [
      'a step that named_steps does not have',
      '[fetch_cart, fetch_products, create_order]',
      '[fetch_cart, fetch_products]',
      'line 18, column 11: step_templates[0].name "create_order" is not among named_steps',
    ],
    [
      'an unknown parent',
      'depends_on_step: fetch_cart',
      'depends_on_step: fetch_card',
      'line 18, column 5: step_templates[0] ("create_order") depends on the unknown step "fetch_card": did you mean "fetch_cart"?',
    ],
    [
      'itself',
      'depends_on_step: fetch_cart',
      'depends_on_step: create_order',
      'line 18, column 5: step_templates[0] ("create_order") depends on itself',
    ],
    [
      'a cycle',
      'handler_class: Shop::FetchProducts',
      'handler_class: Shop::FetchProducts\n    depends_on_step: create_order',
      'has a cycle: create_order -> fetch_products -> create_order',
    ],
    [
      'a list that is a word',
      'depends_on_steps: [fetch_products, fetch_cart]',
      'depends_on_steps: fetch_products',
      'line 21, column 23: step_templates[0].depends_on_steps has to be a list',
    ],
    [
      'a name twice',
      '  - name: fetch_products\n',
      '  - name: fetch_cart\n',
      'line 39, column 5: step_templates[2] ("fetch_cart") is defined twice',
    ],
    ['no steps', /step_templates:\n(.|\n)*$/, 'step_templates: []\n', 'step_templates has no steps: add at least one'],
    [
      'an override of a step that does not exist',
      '      - name: fetch_cart\n        handler_config',
      '      - name: fetch_crat\n        handler_config',
      'line 44, column 15: environments.test.step_templates[0].name "fetch_crat" is not one of the step_templates: did you mean "fetch_cart"?',
    ],
    [
      'an override twice',
      '      - name: create_order\n',
      '      - name: fetch_cart\n',
      'environments.test.step_templates[1].name "fetch_cart" is there twice',
    ],
    [
      'steps one after the other',
      'concurrent: true',
      'concurrent: false',
      'line 8, column 13: concurrent is false, which is not supported: chain the steps with depends_on_step',
    ],
    [
      'an unknown identity',
      'version: 2.1.0',
      'identity: content_hsh',
      'line 4, column 11: identity is "content_hsh": it is one of unique, content_hash, caller_key: did you mean "content_hash"?',
    ],
    [
      'a time to keep tasks that is none',
      'version: 2.1.0',
      'keep: { complete: 0d }',
      `line 4, column 19: keep.complete is "0d": use forever, or a number with s, m, h, d, w or y behind it, such as '30d', from 1s to 100y`,
    ],
    [
      'an unknown reuse rule',
      'version: 2.1.0',
      'reuse: afterwards',
      'line 4, column 8: reuse is "afterwards": it is one of never, afterFailure, afterEnd',
    ],
    [
      'a description that is a list',
      'description: From cart to order',
      'description: [a]',
      'line 5, column 14: description has to be a text',
    ],
    [
      'a schema that checks less than it states',
      'required: [cart_id]',
      'required: [card_id]',
      'line 13, column 13: schema.required names "card_id", which is not in properties',
    ],
    [
      'a schema that is misspelt',
      '{ type: integer }',
      '{ type: integer, minimun: 1 }',
      'schema.properties.cart_id.minimun is not a keyword that can be enforced: did you mean "minimum"?',
    ],
    ['a schema that is a text', /schema:\n(.*\n){5}/, 'schema: object\n', 'line 11, column 9: schema has to be a map'],
  ])('%s', (_, from, to, message) => expect(changed(from, to)).toContain(message));

  test('all of them together, under the name of the file', () => {
    const text = CART.replace('version: 2.1.0', 'version: "2"')
      .replace('queue: orders', 'queue: O')
      .replace('default_retry_limit: 5', 'default_retry_limit: 0');
    expect(
      problem(text)
        .split('\n')
        .map((line) => line.slice(0, 60)),
    ).toEqual([
      'cart.yaml:',
      '  - line 4, column 10: version is "2": it has three numbers ',
      expect.stringContaining('line 23'),
      expect.stringContaining('line 25'),
    ]);
  });

  test('more than twenty are counted', () => {
    const steps = Array.from({ length: 50 }, (_, index) => `  - { name: s${index}, handler_class: Nobody }`).join('\n');
    expect(problem(`name: many\nstep_templates:\n${steps}`)).toMatch(/\.\.\. and 30 more$/);
  });

  test('a key that needs quotes is quoted', () =>
    expect(problem(`${CART}"odd key": 1\n`)).toContain('["odd key"] is not a known key'));

  test('a mistake inside of an alias is reported at the alias', () => {
    const step = 'name: a, handler_class: Shop::FetchCart, handler_config: &s { type: object, required: [a] }';
    expect(problem(`name: a\nstep_templates: [{ ${step} }]\nschema: *s\n`)).toContain(
      'line 3, column 9: schema.required names "a"',
    );
  });

  test('a value that came through an alias is reported at the alias', () => {
    const text = 'name: a\nstep_templates:\n  - &one { name: a, handler_class: Shop::FetchCart, queue: Q }\n  - *one\n';
    expect(problem(text)).toContain('line 4, column 5: step_templates[1].queue is "Q"');
  });
});

describe('a text that is no template', () => {
  test.each<[string, unknown, RegExp]>([
    ['nothing', '', /^cart\.yaml: line 1, column 1: has to be a map$/],
    ['a word', 'hello', /line 1, column 1: has to be a map/],
    ['a list', '- a', /has to be a map/],
    ['no text at all', undefined, /^cart\.yaml is undefined: it is a text$/],
    ['a bracket that is never closed', 'name: [a', /line 1, column 9: /],
    ['a tab for indentation', 'name: a\nschema:\n\ttype: object', /line 3, column 1: /],
    ['two documents', 'name: a\n---\nname: b', /line 2, column 1: .*multiple documents/],
    ['a key twice', 'name: a\nname: b', /line 2, column 1: the key "name" is there twice/],
    [
      'a key twice, deep down',
      'name: a\nschema:\n  x: { y: 1, y: 2 }',
      /line 3, column 14: the key "y" is there twice/,
    ],
    ['a key that is a list', '? [a]\n: b', /all keys must be strings/],
    ['a tag of Ruby', 'name: !ruby/object:Kernel {}', /line 1, column 7: Unresolved tag: !ruby\/object:Kernel/],
    ['an alias of nothing', 'name: *nobody', /Unresolved alias/],
    [
      'a number that JSON does not have',
      'name: a\nstep_templates: [{ name: a, handler_class: x, priority: .inf }]',
      /is not plain data: it\.step_templates\[0\]\.priority is Infinity/,
    ],
  ])('%s', (_, text, message) => expect(problem(text as string)).toMatch(message));
});

describe('a hostile text', () => {
  const lines = (count: number, line: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => line(index)).join('\n');

  test.each<[string, () => string, RegExp]>([
    [
      'a billion laughs',
      () => `a: &a0 [x, x]\n${lines(30, (index) => `b${index}: &a${index + 1} [${`*a${index}, `.repeat(9)}]`)}`,
      /expands to more than 1000 aliases/,
    ],
    [
      'aliases that unfold to megabytes',
      () => `a: &a "${'x'.repeat(100_000)}"\nb: [${'*a, '.repeat(60)}]`,
      /is not plain data: it is larger than 2097152 bytes/,
    ],
    ['an alias of itself', () => 'name: a\nschema: &a { x: *a }', /contains itself/],
    ['brackets without end', () => `name: ${'['.repeat(100_000)}`, /is nested too deeply|nested deeper than 500/],
    [
      'a nesting of 600',
      () => `name: a\nschema: ${'{ a: '.repeat(600)}1${' }'.repeat(600)}`,
      /nested deeper than 500 levels/,
    ],
    ['3 MB', () => `name: a # ${'x'.repeat(3_000_000)}`, /is longer than 2097152 bytes/],
    ['50,000 keys', () => lines(50_000, (index) => `k${index}: 1`), /is not a known key/],
  ])('%s', (_, make, message) => {
    const startedAt = cpuSeconds();
    expect(problem(make())).toMatch(message);
    expect(cpuSeconds() - startedAt).toBeLessThan(10);
  });

  test('10,000 steps are not too many', () => {
    const steps = lines(
      10_000,
      (index) =>
        `  - name: s${index}\n    handler_class: Shop::FetchCart${index === 0 ? '' : `\n    depends_on_step: s${index - 1}`}`,
    );
    expect(load(`name: long\nstep_templates:\n${steps}`).steps).toHaveLength(10_000);
  });
});

test('a template has schedules, as a definition in code has', () => {
  const template = (schedules: string) =>
    `name: report\nstep_templates:\n  - { name: a, handler_class: 'Shop::FetchCart' }\nschedules:\n${schedules}`;
  const { schedules } = load(
    template(
      '  - { key: nightly, cron: "30 2 * * *", timezone: Europe/Berlin, make_up: last, make_up_window_seconds: 3600 }',
    ),
  );
  expect(schedules).toEqual([
    {
      key: 'nightly',
      cron: '30 2 * * *',
      timezone: 'Europe/Berlin',
      input: {},
      makeUp: 'last',
      makeUpWindowSeconds: 3600,
    },
  ]);
  expect(() => load(template('  - { key: k, cron: "@daily", time_zone: UTC }'))).toThrow(
    /time_zone is not a known key: did you mean "timezone"/,
  );
  expect(() => load(template('  - { key: k k, cron: "@daily" }'))).toThrow(/schedules\[0\].*schedule key "k k"/);
});

describe('templates of Tasker (Ruby)', () => {
  const template = `
name: api_task/integration_yaml_example
namespace_name: ECommerce
custom_events: [{ name: order.placed, description: for subscribers }]
handler_config:
  url: https://api.example
  headers: { accept: application/json, trace: 'on' }
named_steps: [Fetch Cart, CreateOrder]
step_templates:
  - name: Fetch Cart
    handler_class: Shop::FetchCart
    handler_config: { path: /cart, headers: { trace: 'off' } }
  - name: CreateOrder
    handler_class: Shop::CreateOrder
    depends_on_step: Fetch Cart
environments:
  test:
    step_templates:
      - name: Fetch Cart
        handler_config: { url: http://localhost }
`;

  test('load with custom_events and handler_config at the top, and legal names if that is wanted', () => {
    const renamed: Record<string, string> = {};
    const definition = load(template, {
      names: 'legal',
      environment: 'test',
      onRename: (from, to) => (renamed[from] = to),
    });
    expect(renamed).toEqual({
      'api_task/integration_yaml_example': 'api_task_integration_yaml_example',
      ECommerce: 'ecommerce',
      'Fetch Cart': 'fetch_cart',
      CreateOrder: 'create_order',
    });
    expect(definition.name).toBe('api_task_integration_yaml_example');
    expect(definition.steps.map(({ name, dependsOn, handlerConfig }) => [name, dependsOn, handlerConfig])).toEqual([
      [
        'fetch_cart',
        [],
        { url: 'http://localhost', headers: { accept: 'application/json', trace: 'off' }, path: '/cart' },
      ],
      [
        'create_order',
        ['fetch_cart'],
        { url: 'https://api.example', headers: { accept: 'application/json', trace: 'on' } },
      ],
    ]);
  });

  test('are refused as written with what would help', () => {
    expect(() => load(template)).toThrow(
      /line 2, column 7: name is "api_task\/integration_yaml_example": .*, for example "api_task_integration_yaml_example"; names: 'legal' replaces such names/,
    );
  });

  test('names that become one are a step that is defined twice', () => {
    const twice = `{ name: a, step_templates: [{ name: a b, handler_class: 'Shop::FetchCart' }, { name: a-b, handler_class: 'Shop::FetchCart' }] }`;
    expect(() => load(twice, { names: 'legal' })).toThrow(/\("a_b"\) is defined twice/);
  });
});
