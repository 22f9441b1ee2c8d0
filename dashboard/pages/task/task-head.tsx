import { useMemo } from 'preact/hooks';
import type { TaskDetails } from '../../api/types.ts';
import { formatSeconds } from '../../format.ts';
import { countPhases, PHASES, phaseOfTask } from '../../phase.ts';
import { CopyAs } from '../../ui/as-command.tsx';
import { PhaseBar, TaskBadge } from '../../ui/badge.tsx';
import { Copy } from '../../ui/copy.tsx';
import { useTabTitle } from '../../ui/tab-title.ts';
import { ToolLinks } from '../../ui/tool-links.tsx';
import { Ago, clock } from '../../ui/time.tsx';
import { ActButtons } from './act-buttons.tsx';
import { actsOfTask } from './acts.ts';
import type { StepView } from './model.ts';

/** What the task is, how far it is, and what can be done with it. */
export function TaskHead({ task, steps }: { task: TaskDetails; steps: readonly StepView[] }) {
  const { task_id: id, namespace, workflow, version, state, tags, initiator, reason, priority, schedule } = task;
  const counts = useMemo(() => countPhases(steps.map(({ phase }) => phase)), [steps]);
  const failed = useMemo(
    () => steps.filter(({ phase }) => phase === 'blocked' || phase === 'backoff').map(({ name }) => name),
    [steps],
  );
  useTabTitle(`${PHASES[phaseOfTask(state)].label}: ${workflow} ${id}`);
  return (
    <header class="task-head">
      <div class="page-head">
        <div class="task-title">
          <p class="soft small">
            <a href="tasks">Tasks</a> /{' '}
            <a href={`tasks?q=${encodeURIComponent(`workflow:${namespace}/${workflow}`)}`}>{namespace}</a>
          </p>
          <div class="title-line">
            <h1 class="break">
              {workflow} <span class="task-id mono">{id}</span> <Copy text={id} label="Copy the id" />
            </h1>
            <TaskBadge state={state} />
          </div>
        </div>
        <div class="actions">
          <ActButtons acts={actsOfTask(id, task.allowed_actions, failed)} />
          <CopyAs command={`tasker task ${id}`} path={`/v1/tasks/${id}`} text={`t/${id}.txt`} />
        </div>
      </div>
      <ul class="facts small">
        <li>version {version}</li>
        <li>
          requested <Ago at={task.requested_at} />
        </li>
        <Duration task={task} />
        {task.trace_id === null ? null : (
          <li>
            trace <span class="mono">{task.trace_id.slice(0, 8)}…</span>{' '}
            <Copy text={task.trace_id} label="Copy the id of the trace" />
          </li>
        )}
        <li>
          <ToolLinks task_id={id} {...(task.trace_id === null ? {} : { trace_id: task.trace_id })} />
        </li>
        {priority === 0 ? null : <li>priority {priority}</li>}
        {initiator === null || initiator === '' ? null : <li class="break">by {initiator}</li>}
        {schedule === null ? null : <li class="break">schedule {schedule.name}</li>}
        {task.replaces === null ? null : (
          <li>
            replaces <a href={`tasks/${task.replaces}`}>{task.replaces}</a>
          </li>
        )}
        {task.superseded_by === null ? null : (
          <li>
            superseded by <a href={`tasks/${task.superseded_by}`}>{task.superseded_by}</a>
          </li>
        )}
        {(tags ?? []).map((tag) => (
          <li key={tag}>
            <a class="tag" href={`tasks?q=${encodeURIComponent(`tag:${JSON.stringify(tag)}`)}`}>
              {tag}
            </a>
          </li>
        ))}
        {reason === null || reason === '' ? null : <li class="break">“{reason}”</li>}
      </ul>
      {counts.length === 0 ? <div class="phase-bar unknown" aria-hidden="true" /> : <PhaseBar counts={counts} />}
      <p class="facts small">
        {/* As high before they are known as after it: nothing below moves. */}
        {counts.length === 0 ? '\u00a0' : null}
        {counts.map(([phase, count]) => (
          <span key={phase}>
            {count} {PHASES[phase].label.toLowerCase()}
          </span>
        ))}
      </p>
    </header>
  );
}

/** By itself, since of everything in the head the clock changes this alone. */
function Duration({ task: { state, requested_at: requested, completed_at: completed } }: { task: TaskDetails }) {
  const isOpen = state === 'pending' || state === 'in_progress';
  const end = completed === null ? (isOpen ? clock.value : undefined) : Date.parse(completed);
  if (end === undefined) return null;
  return (
    <li>
      {isOpen ? 'for' : 'took'} {formatSeconds(Math.max(0, (end - Date.parse(requested)) / 1000))}
    </li>
  );
}
