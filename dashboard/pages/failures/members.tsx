import { useQuery } from '../../api/query.ts';
import type { Page, Task } from '../../api/types.ts';
import { TaskBadge } from '../../ui/badge.tsx';
import { Shown } from '../../ui/states.tsx';
import { Ago } from '../../ui/time.tsx';

/** The newest tasks of a group. */
export function Members({ filter }: { filter: Readonly<Record<string, string>> }) {
  const path = `/v1/tasks?limit=10&${new URLSearchParams(filter).toString()}`;
  const { fingerprint, error, namespace, workflow } = filter;
  const q = fingerprint === undefined ? `error:${JSON.stringify(error)}` : `fingerprint:${fingerprint}`;
  const tasks = useQuery<Page<Task>>(path, { topic: 'failures', everySeconds: 10 });
  return (
    <div class="members">
      <Shown query={tasks} rows={3}>
        {({ items, next_cursor: next }) => (
          <>
            <ul>
              {items.map(({ task_id: id, state, requested_at: at, version }) => (
                <li key={id}>
                  <TaskBadge state={state} quiet />
                  <a class="mono" href={`tasks/${id}`}>
                    {id}
                  </a>
                  <span class="soft">{version}</span>
                  <span class="muted">
                    <Ago at={at} />
                  </span>
                </li>
              ))}
            </ul>
            {items.length === 0 ? <p class="muted small">None of them is left.</p> : null}
            {next === null ? null : (
              <p class="small">
                <a href={`tasks?q=${encodeURIComponent(`${q} workflow:${namespace}/${workflow}`)}`}>All of them</a>
              </p>
            )}
          </>
        )}
      </Shown>
    </div>
  );
}
