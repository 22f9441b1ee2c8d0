import { useEffect, useState } from 'preact/hooks';
import { useQuery } from '../../api/query.ts';
import type { Schedule } from '../../api/types.ts';
import { plural, sentence } from '../../format.ts';
import { queryOf, setQuery } from '../../router.ts';
import { may } from '../../session.ts';
import { type Act, ActDialog } from '../../ui/act-dialog.tsx';
import { CopyAs } from '../../ui/as-command.tsx';
import { PhaseIcon } from '../../ui/icons.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty, Shown } from '../../ui/states.tsx';
import { Ago, formatTime, zoneName } from '../../ui/time.tsx';
import { cronWords } from './cron-words.ts';
import { inZone } from './in-zone.ts';
import { ScheduleForm } from './schedule-form.tsx';

const RUNS = 10;

export default function Schedules() {
  const schedules = useQuery<{ items: Schedule[] }>(`/v1/schedules?runs=${RUNS}`, {
    topic: 'schedules',
    everySeconds: 15,
  });
  const [act, setAct] = useState<Act>();
  return (
    <>
      <PageHead title="Schedules" text="What is submitted by the clock, when next, and what became of the last time.">
        {may('schedules:write') ? (
          <button type="button" class="button primary" onClick={() => setQuery({ new: 'yes' })}>
            New schedule…
          </button>
        ) : null}
        <CopyAs command="tasker schedule list" path={`/v1/schedules?runs=${RUNS}`} />
      </PageHead>
      <Shown query={schedules} rows={5}>
        {({ items }) =>
          items.length === 0 ? (
            <div class="card">
              <Empty icon="schedules" title="No schedule yet">
                Schedules are written beside the workflow, added with <code>tasker schedule add</code>, or made here.
              </Empty>
            </div>
          ) : (
            <ul class="groups">
              {items.map((schedule) => (
                <One key={schedule.key} schedule={schedule} choose={setAct} />
              ))}
            </ul>
          )
        }
      </Shown>
      {act === undefined ? null : <ActDialog act={act} close={() => setAct(undefined)} />}
      <Form schedules={schedules.data?.items} />
    </>
  );
}

/** The address says which one is edited: `?edit=nightly`, `?new=yes`. */
function Form({ schedules }: { schedules: readonly Schedule[] | undefined }) {
  const edited = queryOf('edit');
  const isNew = queryOf('new') === 'yes';
  const close = (): void => setQuery({ edit: '', new: '' });
  // As it was when the form was opened: who was faster is refused, and not written over.
  const [read, setRead] = useState<Schedule>();
  const found = schedules?.find(({ key }) => key === edited);
  useEffect(() => {
    if (edited === '') setRead(undefined);
    else if (found !== undefined && read?.key !== edited) setRead(found);
  }, [edited, found === undefined]);
  if (!may('schedules:write')) return null;
  if (isNew) return <ScheduleForm schedule={undefined} close={close} />;
  return read === undefined || read.key !== edited ? null : (
    <ScheduleForm key={read.key} schedule={read} close={close} />
  );
}

function problemOf({ problem, version, served, paused_at: paused }: Schedule): string | undefined {
  if (problem !== null) return problem;
  if (paused !== null) return undefined;
  if (version === null) return 'No version of its workflow that it may run is registered.';
  return served ? undefined : `No live worker serves version ${version} of its workflow.`;
}

function One({ schedule, choose }: { schedule: Schedule; choose: (act: Act) => void }) {
  const { key, cron, timezone, namespace, workflow, version, next, next_runs: runs, last_outcome: outcome } = schedule;
  const paused = schedule.paused_at !== null;
  const problem = problemOf(schedule);
  const path = `/v1/schedules/${encodeURIComponent(key)}`;
  const words = cronWords(cron);
  return (
    <li class={`card group ${problem === undefined ? (paused ? 'attention' : '') : 'bad'}`}>
      <div class="group-main">
        <div class="group-text">
          <h2 class="break">{key}</h2>
          <p class="cron-line">
            <code>{cron}</code>
            {words === undefined ? null : <span class="soft">{words}</span>}
            <span class="tag">{timezone}</span>
          </p>
          <p class="soft small break">
            {namespace}/{workflow}
            {version === null ? '' : `@${version}`} ·{' '}
            {schedule.overlap === 'skip' ? 'skipped while the last one runs' : 'runs beside the last one'} ·{' '}
            {schedule.source === 'code' ? 'written in the code' : 'added by hand'}
          </p>
          {problem === undefined ? null : <p class="alarm break">{sentence(problem)}</p>}
          {paused ? (
            <p class="phase-backoff quiet badge in-words">
              <PhaseIcon phase="backoff" />
              <span>
                paused <Ago at={schedule.paused_at} />
                {schedule.pause_reason === null ? '' : `: ${schedule.pause_reason}`}
              </span>
            </p>
          ) : null}
        </div>
        <dl class="group-numbers">
          <div>
            <dt>next</dt>
            <dd>
              {next === null ? (
                '–'
              ) : (
                <>
                  <Ago at={next} future />
                  <span class="small soft">{inZone(next, timezone)}</span>
                </>
              )}
            </dd>
          </div>
          <div>
            <dt>last</dt>
            <dd>
              {schedule.last_occurrence === null ? '–' : <Ago at={schedule.last_occurrence} />}
              {schedule.last_task_id === null ? null : (
                <a class="small" href={`tasks/${schedule.last_task_id}`}>
                  {outcome === 'skipped' ? 'skipped' : 'its task'}
                </a>
              )}
            </dd>
          </div>
        </dl>
      </div>
      <div class="group-foot">
        {runs.length === 0 ? (
          <p class="muted small">It does not fire.</p>
        ) : (
          <details class="runs">
            <summary class="small">The next {plural(runs.length, 'time')}</summary>
            <ol>
              {runs.map((at) => (
                <li key={at} class="small">
                  {inZone(at, timezone)} <span class="muted">{timezone}</span> · {formatTime(at)}{' '}
                  <span class="muted">{zoneName()}</span>
                </li>
              ))}
            </ol>
          </details>
        )}
        {may('schedules:write') ? (
          <span class="actions">
            <button type="button" class="button small" onClick={() => setQuery({ edit: key })}>
              Edit…
            </button>
            <button
              type="button"
              class="button small"
              onClick={() =>
                choose({
                  title: `Trigger ${key}`,
                  verb: 'Submit a task',
                  path: `${path}:trigger`,
                  text: 'A task is submitted now, beside its occurrences.',
                })
              }
            >
              Trigger…
            </button>
            <button
              type="button"
              class="button small"
              onClick={() =>
                choose(
                  paused
                    ? {
                        title: `Resume ${key}`,
                        verb: 'Resume',
                        path: `${path}:resume`,
                        text: 'What came due in its pause is not made up for.',
                      }
                    : {
                        title: `Pause ${key}`,
                        verb: 'Pause',
                        path: `${path}:pause`,
                        text: 'Nothing is submitted until somebody resumes it.',
                      },
                )
              }
            >
              {paused ? 'Resume…' : 'Pause…'}
            </button>
            <button
              type="button"
              class="button small"
              onClick={() =>
                choose({
                  title: `Remove ${key}`,
                  verb: 'Remove',
                  path,
                  method: 'DELETE',
                  danger: true,
                  text:
                    schedule.source === 'code'
                      ? 'It submits nothing any more, until the next deployment brings it back: it is written in the code of its workflow. To stop it for longer, pause it.'
                      : 'It submits nothing any more. Tasks that it has submitted stay.',
                })
              }
            >
              Remove…
            </button>
          </span>
        ) : null}
      </div>
    </li>
  );
}
