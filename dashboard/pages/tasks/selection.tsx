import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import type { Task } from '../../api/types.ts';
import { plural } from '../../format.ts';
import { Icon } from '../../ui/icons.tsx';
import type { Selection } from '../../ui/table.tsx';
import { ManyDialog } from './act-on-many.tsx';

/** Chosen tasks, by id: kept over pages and searches, until they are acted on or cleared. */
export const chosen = signal<ReadonlyMap<string, Task>>(new Map());

export function selectionOf(items: readonly Task[]): Selection {
  const map = chosen.value;
  const change = (edit: (map: Map<string, Task>) => void): void => {
    const next = new Map(chosen.peek());
    edit(next);
    chosen.value = next;
  };
  const all = items.length > 0 && items.every(({ task_id: id }) => map.has(id));
  return {
    has: (key) => map.has(key),
    toggle: (key) =>
      change((next) => {
        const task = items.find(({ task_id: id }) => id === key);
        if (!next.delete(key) && task !== undefined) next.set(key, task);
      }),
    all,
    toggleAll: () =>
      change((next) => {
        for (const task of items) {
          if (all) next.delete(task.task_id);
          else next.set(task.task_id, task);
        }
      }),
  };
}

/** What can be done with what is chosen. The API decides for each task whether it may be. */
export function SelectionBar() {
  const [act, setAct] = useState<'retry' | 'cancel' | 'resolve'>();
  const tasks = [...chosen.value.values()];
  if (tasks.length === 0) return null;
  return (
    <div class="selection-bar" role="region" aria-label="Chosen tasks">
      <strong>{plural(tasks.length, 'task')} chosen</strong>
      <button type="button" class="button small" onClick={() => setAct('retry')}>
        <Icon name="retry" size={14} /> Retry
      </button>
      <button type="button" class="button small" onClick={() => setAct('resolve')}>
        <Icon name="resolve" size={14} /> Resolve
      </button>
      <button type="button" class="button small danger" onClick={() => setAct('cancel')}>
        <Icon name="cancel" size={14} /> Cancel
      </button>
      <button type="button" class="link-button" onClick={() => (chosen.value = new Map())}>
        Clear the choice
      </button>
      {act === undefined ? null : (
        <ManyDialog
          act={act}
          tasks={tasks}
          close={(done) => {
            setAct(undefined);
            if (done !== undefined) {
              const left = new Map(chosen.peek());
              for (const id of done) left.delete(id);
              chosen.value = left;
            }
          }}
        />
      )}
    </div>
  );
}
