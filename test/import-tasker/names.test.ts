import { describe, expect, test } from 'vitest';
import { resolveNames } from '../../src/import-tasker/names.ts';

const workflow = (
  namedTaskId: number,
  name: string,
  namespace: string | null = null,
  version: string | null = null,
) => ({
  named_task_id: namedTaskId,
  namespace,
  name,
  version,
  description: null,
  configuration: null,
});
const none = { workflows: {}, steps: {} };

describe('names of Tasker (Ruby)', () => {
  test('become legal ones, and stay if they are', () => {
    const { workflows, stepNameOf, changed } = resolveNames({
      workflows: [
        workflow(1, 'api_task/integration_yaml_example'),
        workflow(2, 'OrderProcess::V2', 'E-Commerce', '1.2'),
        workflow(3, 'plain', 'shop', '2.0.1'),
      ],
      steps: ['validate', 'Ship It'],
      given: none,
      defaultNamespace: 'legacy',
    });
    expect(Object.fromEntries(workflows)).toEqual({
      1: { namespace: 'legacy', name: 'api_task_integration_yaml_example', version: '0.1.0' },
      2: { namespace: 'e_commerce', name: 'order_process_v2', version: '1.2.0' },
      3: { namespace: 'shop', name: 'plain', version: '2.0.1' },
    });
    expect(stepNameOf('Ship It')).toBe('ship_it');
    expect(changed.map(({ from }) => from)).toEqual([
      'api_task/integration_yaml_example',
      'E-Commerce/OrderProcess::V2 1.2',
      'Ship It',
    ]);
  });

  test('that collide or have no legal form are refused together, with the file to fill in', () => {
    const wanted = {
      workflows: [workflow(1, 'a/b'), workflow(2, 'a-b'), workflow(3, '!!')],
      steps: ['x y', 'x-y'],
      defaultNamespace: 'default',
    };
    expect(() => resolveNames({ ...wanted, given: none })).toThrow(
      /^3 name\(s\) of Tasker have no name of their own here:\n.*"a-b" and "a\/b" would both be default\/a_b 0\.1\.0\n.*"!!": the name is "!!".*\n.*steps "x-y" and "x y" would both be x_y\n.*--names:\n\{\n {2}"workflows": \{\n {4}"a-b": "default\/a_b 0\.1\.0"/,
    );
    const given = { workflows: { 'a-b': 'other/a_b 2.0.0', '!!': 'bang' }, steps: { 'x-y': 'x_dash_y' } };
    expect(resolveNames({ ...wanted, given }).workflows.get(2)).toEqual({
      namespace: 'other',
      name: 'a_b',
      version: '2.0.0',
    });
  });
});
