import type { TaskState, Transition } from '../../api/types.ts';
import { phaseOfTask, PHASES } from '../../phase.ts';
import { Empty, Loading, ProblemBox } from '../../ui/states.tsx';
import { At } from '../../ui/time.tsx';
import { PhaseIcon } from '../../ui/icons.tsx';
import { WorkerName } from '../../ui/worker-name.tsx';
import type { History } from './use-history.ts';

/** Every transition, the newest first; of one step, if one is chosen. */
export function HistoryList({ history, step }: { history: History; step?: string | undefined }) {
  const rows = history.rows.filter((row) => step === undefined || row.step === step).toReversed();
  if (!history.known)
    return history.problem === undefined ? <Loading rows={6} /> : <ProblemBox problem={history.problem} />;
  if (rows.length === 0) return <Empty icon="audit" title="Nothing has happened yet" />;
  return (
    <>
      {history.incomplete ? <p class="muted small">The newest transitions are beyond what was read.</p> : null}
      <ol class="history">
        {rows
          .slice(0, 500)
          .map(
            (
              { step: name, from_state: from, to_state: to, cause, error, by, reason, edited, worker_id: worker, at },
              index,
            ) => (
              <li key={`${at}${name}${index}`}>
                <PhaseIcon phase={phaseOfTask(to)} size={14} />
                <div>
                  <p>
                    {step === undefined ? <strong class="break">{name ?? 'the task'}</strong> : null}{' '}
                    {from === null ? '' : `${wordOf(from)} → `}
                    {wordOf(to)} {cause === null || cause === to ? null : <span class="tag">{cause}</span>}
                  </p>
                  {error === null ? null : (
                    <p class="break alarm-text">
                      {error.name}
                      {error.message === null || error.message === '' ? '' : `: ${error.message}`}
                    </p>
                  )}
                  {by === null && reason === null ? null : (
                    <p class="soft break">
                      {by === null ? '' : `by ${by}`}
                      {reason === null ? '' : ` – ${reason}`}
                    </p>
                  )}
                  {edited === null ? null : <Edited {...edited} />}
                  <p class="muted small">
                    <At at={at} />
                    <WorkerName id={worker} />
                  </p>
                </div>
              </li>
            ),
          )}
      </ol>
    </>
  );
}

/** What an act has changed of an input. */
function Edited({ of, changes = [], more = 0 }: NonNullable<Transition['edited']>) {
  return (
    <>
      <p class="soft">input of the {of} edited</p>
      <ul class="edits">
        {changes.map(({ path, from, to }) => (
          <li key={path} class="break">
            <code>{path === '' ? '/' : path}</code> <del>{textOf(from)}</del> <ins>{textOf(to)}</ins>
          </li>
        ))}
        {more === 0 ? null : <li class="muted">and {more} more</li>}
      </ul>
    </>
  );
}

const textOf = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));
const wordOf = (state: TaskState): string =>
  state === 'error' ? 'error' : PHASES[phaseOfTask(state)].label.toLowerCase();
