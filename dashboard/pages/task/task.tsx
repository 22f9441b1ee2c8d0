import { useQuery } from '../../api/query.ts';
import type { TaskDetails } from '../../api/types.ts';
import type { PageProps } from '../../pages.ts';
import { Shown } from '../../ui/states.tsx';
import { TaskBadge } from '../../ui/badge.tsx';

export default function TaskPage({ params }: PageProps) {
  const task = useQuery<TaskDetails>(`/v1/tasks/${params['id']}`, { topic: `task:${params['id']}`, everySeconds: 2 });
  return (
    <Shown query={task} rows={8}>
      {({ namespace, workflow, state, task_id: id }) => (
        <header class="page-head">
          <h1>
            {namespace}/{workflow} <span class="mono">{id}</span>
          </h1>
          <TaskBadge state={state} />
        </header>
      )}
    </Shown>
  );
}
