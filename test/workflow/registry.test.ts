import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UnknownWorkflowError, WorkflowDefinitionError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { createRegistry } from '../../src/workflow/registry.ts';

const workflow = (namespace: string, name: string, version: string) =>
  defineWorkflow({ namespace, name, version, input: z.object({}) }).step('a', () => null);

const refundByPayments = workflow('payments', 'process_refund', '2.10.0');
const refundByPaymentsOld = workflow('payments', 'process_refund', '2.9.0');
const refundByService = workflow('customer_success', 'process_refund', '1.0.0');
const order = workflow('default', 'order_fulfillment', '0.1.0');
const registry = createRegistry([refundByPayments, refundByService, order, refundByPaymentsOld]);

describe('lookup', () => {
  test('by namespace, name and version', () =>
    expect(registry.get({ namespace: 'payments', name: 'process_refund', version: '2.9.0' })).toBe(
      refundByPaymentsOld.build(),
    ));

  test('the same name in two namespaces is two workflows', () =>
    expect(registry.get({ namespace: 'customer_success', name: 'process_refund' })).toBe(refundByService.build()));

  test('without a version: the highest, by number and not by letter', () =>
    expect(registry.get({ namespace: 'payments', name: 'process_refund' }).version).toBe('2.10.0'));

  test('without a namespace: the default one', () =>
    expect(registry.get({ name: 'order_fulfillment' })).toBe(order.build()));

  test('find returns undefined if get throws', () => expect(registry.find({ name: 'nothing' })).toBeUndefined());

  test('all definitions, in order', () =>
    expect(registry.definitions.map((one) => `${one.namespace}/${one.name} ${one.version}`)).toEqual([
      'customer_success/process_refund 1.0.0',
      'default/order_fulfillment 0.1.0',
      'payments/process_refund 2.9.0',
      'payments/process_refund 2.10.0',
    ]));
});

describe('an unknown workflow', () => {
  test.each([
    [
      'a typo',
      { name: 'order_fullfilment' },
      'no workflow "order_fullfilment" is known in the namespace "default": did you mean "default/order_fulfillment"?',
    ],
    [
      'another namespace',
      { name: 'process_refund' },
      'no workflow "process_refund" is known in the namespace "default": there is one in customer_success, payments',
    ],
    [
      'another version',
      { namespace: 'payments', name: 'process_refund', version: '3.0.0' },
      'workflow payments/process_refund has no version "3.0.0": known versions are 2.9.0, 2.10.0',
    ],
    ['nothing like it', { name: 'zzz' }, 'no workflow "zzz" is known in the namespace "default"'],
  ])('%s', (_, reference, message) => {
    expect(() => registry.get(reference)).toThrow(
      new UnknownWorkflowError(message, { namespace: 'default', ...reference }),
    );
  });

  test('an empty registry is reported', () =>
    expect(() => createRegistry([]).get({ name: 'a' })).toThrow(
      'workflow "a" is not known: no workflows are registered',
    ));

  test('names that objects have anyway are not workflows', () => {
    expect(registry.find({ name: 'constructor' })).toBeUndefined();
    expect(registry.find({ namespace: '__proto__', name: '__proto__' })).toBeUndefined();
  });

  test('a name that would be a different path finds nothing', () =>
    expect(registry.find({ namespace: 'payments', name: 'process_refund/..' })).toBeUndefined());
});

describe('making a registry', () => {
  test('two definitions of the same version are refused', () => {
    const twin = workflow('payments', 'process_refund', '2.9.0');
    expect(() => createRegistry([refundByPaymentsOld, twin])).toThrow(WorkflowDefinitionError);
    expect(() => createRegistry([refundByPaymentsOld, twin])).toThrow(
      /^workflow payments\/process_refund 2\.9\.0 is registered twice/,
    );
  });

  test('the same definition twice is one, built or not', () =>
    expect(createRegistry([order, order, order.build()]).definitions).toHaveLength(1));

  test('a definition that is not valid is refused', () =>
    expect(() => createRegistry([defineWorkflow({ name: 'empty', input: z.object({}) })])).toThrow(/has no steps/));
});
