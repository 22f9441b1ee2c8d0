import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { examine } from '../../src/db/doctor/examine.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { SCENARIOS } from '../support/ruby-tasker/scenarios.ts';
import type { RubyClass } from '../support/ruby-tasker/schema.ts';
import type { RubyTaskerSource } from './ruby-tasker-source.ts';

const orders = (namespace: string) =>
  defineWorkflow({ namespace, name: 'orders', version: '0.1.0', input: z.any() })
    .step('validate', () => 1)
    .step('pack', { dependsOn: ['validate'] }, () => 1)
    .step('charge', { dependsOn: ['validate'] }, () => 1)
    .step('ship', { dependsOn: ['pack', 'charge'] }, () => 1);

/** Tests with every scenario in a database of each of these classes. */
export function testClasses(source: RubyTaskerSource, classes: readonly RubyClass[]): void {
  describe.each(classes)('a database of class %s', (form) => {
    const early = form === 'A0' || form === 'A';
    const cases = SCENARIOS.filter((scenario) => !early || scenario.transitions !== true).map((scenario, index) => ({
      ...scenario,
      id: 1000 + index,
    }));
    const tasks = cases.map(({ id, task }) => ({ ...task, id }));

    test(
      'is imported whole: doctor is clean, nothing that was done runs again, and what can go on ends',
      { timeout: 60_000 },
      async () => {
        await source.with(form, tasks);
        const report = await source.import({ phase: 'all', stopped: early });
        expect(report.release).toMatch(/^\d/);
        const states = await source.states();
        expect(Object.fromEntries(cases.map((one) => [one.name, states[one.id]]))).toEqual(
          Object.fromEntries(cases.map((one) => [one.name, one.becomes])),
        );
        const left = await source.query<{ source_task_id: string; reason: string }>(
          'SELECT source_task_id, reason FROM tasker.tasker_imported_tasks WHERE task_id IS NULL',
        );
        expect(Object.fromEntries(left.map((row) => [row.source_task_id, row.reason]))).toEqual(
          Object.fromEntries(cases.flatMap((one) => (one.left === undefined ? [] : [[one.id, one.left]]))),
        );
        expect(await examine(source.db)).toEqual([]);
        expect((await source.import({ verify: true })).differences).toEqual([]);

        const began = new Set(await source.runAll(orders(form === 'D' ? 'shop' : 'default')));
        const repeated = cases
          .flatMap((one) => (one.never ?? []).map((step) => `${one.id}:${step}`))
          .filter((step) => began.has(step));
        expect(repeated).toEqual([]);
        const after = await source.states();
        expect(cases.filter((one) => one.ends === true && after[one.id] !== 'complete').map((one) => one.name)).toEqual(
          [],
        );
        expect(await examine(source.db)).toEqual([]);
        expect((await source.import({ verify: true })).differences).toEqual([]);
      },
    );

    test('is dry-run and undone without a trace', { timeout: 60_000 }, async () => {
      await source.with(form, tasks);
      const before = await source.query(`SELECT * FROM ruby.tasker_tasks ORDER BY 1`);
      const history = early ? 'ruby.tasker_tasks' : 'ruby.tasker_task_transitions';
      const states = `SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM (SELECT * FROM ${history}) t`;
      const statesBefore = await source.query(states);
      const dry = await source.import({ phase: 'all', stopped: early, dryRun: true });
      expect(dry.differences).toEqual([]);
      expect(dry.compared_steps > 0).toBe(!early);
      expect(dry.imported).toBe(cases.filter((one) => one.becomes !== undefined).length);
      expect(await source.states()).toEqual({});
      const real = await source.import({ phase: 'all', stopped: early });
      expect(real.workflows).toEqual(dry.workflows);
      expect(await source.query(states)).not.toEqual(statesBefore);
      expect((await source.import({ phase: 'all', stopped: early })).imported).toBe(0);

      expect((await source.import({ undo: true, phase: 'all', stopped: early })).differences).toEqual([]);
      expect(await source.query(states)).toEqual(statesBefore);
      expect(await source.query(`SELECT * FROM ruby.tasker_tasks ORDER BY 1`)).toEqual(before);
      expect(await source.states()).toEqual({});
      expect((await source.import({ phase: 'all', stopped: early })).imported).toBe(real.imported);
    });
  });
}
