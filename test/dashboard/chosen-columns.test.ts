import { describe, expect, it } from 'vitest';
import type { Task } from '../../dashboard/api/types.ts';
import { COLUMN_NAMES, columnsOf, columnsText, toggleColumn } from '../../dashboard/pages/tasks/chosen-columns.ts';

const task: Task = {
  task_id: '1',
  namespace: 'shop',
  workflow: 'checkout',
  version: '1.0.0',
  state: 'pending',
  priority: 0,
  requested_at: '2026-03-01T09:00:00.000Z',
  completed_at: null,
  initiator: null,
  source_system: null,
  reason: null,
  tags: null,
  schedule: null,
};
const USUAL = ['state', 'id', 'workflow', 'version', 'requested', 'took'];

describe('columns of the list of tasks', () => {
  it('are the usual ones if the address names none, with those that only some tasks have', () => {
    expect(columnsOf('', [])).toEqual(USUAL);
    expect(columnsOf('', [task, { ...task, tags: [], initiator: '' }])).toEqual(USUAL);
    expect(columnsOf('', [task, { ...task, tags: ['vip'], initiator: 'ada' }])).toEqual([
      'state',
      'id',
      'workflow',
      'version',
      'tags',
      'initiator',
      'requested',
      'took',
    ]);
    const schedule = { name: 'nightly', scheduled_at: task.requested_at, made_up: false };
    expect(columnsOf('', [{ ...task, schedule }])).toContain('tags');
  });

  it('are those that the address names, whatever the tasks have, in the order of the table and with the id', () => {
    expect(columnsOf('took.priority.took.state', [{ ...task, tags: ['vip'] }])).toEqual([
      'state',
      'id',
      'priority',
      'took',
    ]);
    expect(columnsOf('tags', [task])).toEqual(['id', 'tags']);
    expect(columnsOf('id', [task])).toEqual(['id']);
  });

  it('names that there are not are ignored, and are no choice by themselves', () => {
    expect(columnsOf('state.constructor.__proto__.<b>.STATE', [task])).toEqual(['state', 'id']);
    for (const text of ['constructor', 'priority,state', '...', ' ', 'Priority'])
      expect(columnsOf(text, [task]), text).toEqual(USUAL);
  });

  it('what is written into the address shows the same columns to somebody else', () => {
    for (const name of COLUMN_NAMES) {
      const shown = toggleColumn(columnsOf('', [task]), name);
      const text = columnsText(shown);
      expect(columnsOf(text, [{ ...task, tags: ['vip'], initiator: 'ada' }]), name).toEqual(shown);
      expect(new URLSearchParams({ columns: text }).toString(), 'no escapes').toBe(`columns=${text}`);
    }
    expect(columnsText(['id'])).toBe('id');
    expect(columnsText(COLUMN_NAMES).length).toBeLessThanOrEqual(100);
  });

  it('a column is shown and taken away; the id stays', () => {
    const shown = columnsOf('', [task]);
    expect(toggleColumn(shown, 'reason')).toEqual(COLUMN_NAMES.filter((name) => [...USUAL, 'reason'].includes(name)));
    expect(toggleColumn(toggleColumn(shown, 'reason'), 'reason')).toEqual(shown);
    expect(toggleColumn(shown, 'id')).toEqual(shown);
  });
});
