import { useState } from 'preact/hooks';
import { useQuery } from '../../api/query.ts';
import type { Coverage, Definition, DefinitionDetails, RunStats } from '../../api/types.ts';
import { formatCount, formatSeconds, plural } from '../../format.ts';
import type { PageProps } from '../../pages.ts';
import { queryOf, setQuery } from '../../router.ts';
import { may, seesFleet } from '../../session.ts';
import { type Act, ActDialog } from '../../ui/act-dialog.tsx';
import { CopyAs, shellWord } from '../../ui/as-command.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { PauseAct } from '../../ui/pause-act.tsx';
import { PausedNotice } from '../../ui/paused-notice.tsx';
import { Empty, Shown } from '../../ui/states.tsx';
import { SearchPaths } from './search-paths.tsx';
import { SubmitForm } from './submit-form.tsx';

interface StoredStep {
  readonly name: string;
  readonly depends_on: readonly string[];
  readonly queue: string;
  readonly retry_limit: number;
}
interface Pause {
  readonly kind: string;
  readonly name: string;
  readonly by: string;
  readonly reason: string | null;
  readonly until: string | null;
}

export default function WorkflowPage({ params: { namespace = '', workflow = '' } }: PageProps) {
  const full = `${namespace}/${workflow}`;
  const path = `/v1/workflows/${encodeURIComponent(namespace)}/${encodeURIComponent(workflow)}`;
  const versions = useQuery<{ items: Definition[] }>(path, { topic: 'workflows', everySeconds: 15 });
  const coverage = useQuery<{ items: Coverage[] }>('/v1/coverage', { topic: 'workflows', everySeconds: 15 });
  const stats = useQuery<{ items: RunStats[]; counted_until: string | null }>(
    `/v1/stats?steps=true&namespace=${encodeURIComponent(namespace)}&workflow=${encodeURIComponent(workflow)}`,
    { everySeconds: 60 },
  );
  const pauses = useQuery<{ items: Pause[] }>(seesFleet() ? '/v1/pauses' : undefined, {
    topic: 'pauses',
    everySeconds: 15,
  });
  const [act, setAct] = useState<Act | 'pause'>();
  const paused = pauses.data?.items.find(({ kind, name }) => kind === 'workflow' && name === full);
  // Nothing can be done with what there is not.
  const exists = versions.data !== undefined || versions.problem?.status !== 404;
  return (
    <>
      <PageHead title={full} text={<a href="workflows">All workflows</a>}>
        <a class="button" href={`tasks?q=${encodeURIComponent(`workflow:${full}`)}`}>
          Its tasks
        </a>
        <a class="button" href={`failures?workflow=${encodeURIComponent(full)}`}>
          Its failures
        </a>
        {!may('queues:write') || !exists ? null : paused === undefined ? (
          <button type="button" class="button" onClick={() => setAct('pause')}>
            Pause…
          </button>
        ) : (
          <button
            type="button"
            class="button primary"
            onClick={() =>
              setAct({
                title: `Resume ${full}`,
                verb: 'Resume',
                path: `${path}:resume`,
                text: 'Its ready steps are claimed again.',
              })
            }
          >
            Resume…
          </button>
        )}
        <CopyAs command={`tasker workflow ${shellWord(full)}`} path={path} />
      </PageHead>
      {paused === undefined ? null : <PausedNotice {...paused} />}
      <Shown query={versions} rows={6}>
        {({ items }) => (
          <Versions
            full={full}
            versions={items}
            coverage={(coverage.data?.items ?? []).filter((each) => `${each.namespace}/${each.workflow}` === full)}
            stats={stats.data?.items ?? []}
            counted={stats.data?.counted_until ?? null}
            path={path}
          />
        )}
      </Shown>
      {act === undefined ? null : act === 'pause' ? (
        <PauseAct kind="workflow" name={full} path={`${path}:pause`} close={() => setAct(undefined)} />
      ) : (
        <ActDialog act={act} close={() => setAct(undefined)} />
      )}
    </>
  );
}

function Versions({
  full,
  versions,
  coverage,
  stats,
  counted,
  path,
}: {
  full: string;
  versions: readonly Definition[];
  coverage: readonly Coverage[];
  stats: readonly RunStats[];
  counted: string | null;
  path: string;
}) {
  const newest = versions.findLast(({ served }) => served) ?? versions.at(-1);
  const chosen = versions.find(({ version }) => version === queryOf('version')) ?? newest;
  if (chosen === undefined) return <Empty icon="workflows" title="It has no version" />;
  const steps = (chosen.configuration as { steps?: readonly StoredStep[] } | null)?.steps ?? [];
  const workers = coverage.find(({ version }) => version === chosen.version)?.workers.length;
  const [namespace = '', workflow = ''] = full.split('/');
  return (
    <div class="stack">
      <div class="chips" role="group" aria-label="Version">
        {versions.map(({ version, served }) => (
          <button
            key={version}
            type="button"
            class={`chip ${served ? '' : 'phase-blocked'}`}
            aria-pressed={version === chosen.version}
            onClick={() => setQuery({ version })}
          >
            {version}
            {served ? '' : ' · nobody serves it'}
          </button>
        ))}
      </div>
      {chosen.description === null ? null : <p class="soft">{chosen.description}</p>}
      <About full={full} version={chosen.version} />
      <div class="columns">
        <div class="stack">
          <section class="card" aria-labelledby="steps">
            <header class="card-head">
              <h2 id="steps">Steps</h2>
              <span class="muted small">
                {workers === undefined ? '' : `served by ${plural(workers, 'worker')} · `}times of the last 24 hours
                {counted === null ? '' : ', all versions together'}
              </span>
            </header>
            <Steps steps={steps} stats={stats} />
          </section>
          <SearchPaths full={full} path={path} />
        </div>
        {may('tasks:submit') ? (
          <SubmitForm
            key={chosen.version}
            namespace={namespace}
            workflow={workflow}
            version={chosen.version}
            served={chosen.served}
            schema={chosen.input_schema}
            needsKey={(chosen.configuration as { identity?: string } | null)?.identity === 'caller_key'}
          />
        ) : null}
      </div>
    </div>
  );
}

/** Open tasks of a version, and for how long ended ones are kept. */
function About({ full, version }: { full: string; version: string }) {
  const path = [...full.split('/'), version].map(encodeURIComponent).join('/');
  const { data } = useQuery<DefinitionDetails>(`/v1/workflows/${path}`, { topic: 'workflows', everySeconds: 30 });
  if (data === undefined) return null;
  const { open_tasks: open, keep, problems } = data;
  const kept = Object.entries(keep ?? {}).filter(([, { source }]) => source !== 'none');
  return (
    <>
      {problems.map((problem) => (
        <p key={problem} class="alarm break">
          A live worker refuses it: {problem}
        </p>
      ))}
      <p class="soft small">
        {open.complete ? '' : 'At least '}
        {formatCount(open.pending)} pending, {formatCount(open.in_progress)} in progress, {formatCount(open.in_error)}{' '}
        in error.{' '}
        {kept.length === 0
          ? 'Ended tasks are kept for ever.'
          : `Ended tasks are kept: ${kept.map(([state, { time }]) => `${state.replaceAll('_', ' ')} ${time}`).join(', ')}.`}
      </p>
    </>
  );
}

const seconds = (value: number | null | undefined) =>
  value === null || value === undefined ? <span class="none">–</span> : formatSeconds(value);

function Steps({ steps, stats }: { steps: readonly StoredStep[]; stats: readonly RunStats[] }) {
  if (steps.length === 0) return <Empty icon="workflows" title="Nothing is known of its steps" />;
  const longest = Math.max(...stats.map(({ step, running_p95: p95 }) => (step === null ? 0 : (p95 ?? 0))), 0.001);
  return (
    <div class="table-scroll">
      <table class="table cards plain">
        <caption class="off-screen">Steps with their durations</caption>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Queue</th>
            <th scope="col" class="number">
              Runs
            </th>
            <th scope="col" class="number">
              Failed
            </th>
            <th scope="col" class="number">
              Wait p95
            </th>
            <th scope="col" class="number">
              Work p50
            </th>
            <th scope="col" class="number">
              Work p95
            </th>
            <th scope="col" class="span-cell">
              <span class="off-screen">Work, drawn</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {steps.map(({ name, depends_on: parents, queue }) => {
            const row = stats.find(({ step }) => step === name);
            return (
              <tr key={name}>
                <td>
                  <b class="break">{name}</b>
                  {parents.length === 0 ? null : (
                    <p class="muted small break">
                      after {parents.length > 4 ? `${parents.length} steps` : parents.join(', ')}
                    </p>
                  )}
                </td>
                <td data-label="queue">
                  <a href={`queues/${encodeURIComponent(queue)}`}>{queue}</a>
                </td>
                <td class="number" data-label="runs">
                  {formatCount(row?.runs ?? 0)}
                </td>
                <td class={(row?.failures ?? 0) > 0 ? 'number alarm' : 'number'} data-label="failed">
                  {formatCount(row?.failures ?? 0)}
                </td>
                <td class="number" data-label="wait p95">
                  {seconds(row?.waiting_p95)}
                </td>
                <td class="number" data-label="work p50">
                  {seconds(row?.running_p50)}
                </td>
                <td class="number" data-label="work p95">
                  {seconds(row?.running_p95)}
                </td>
                <td class="span-cell">
                  {row?.running_p95 === null || row === undefined ? null : (
                    <span class="span-bar" aria-hidden="true">
                      <i style={{ width: `${((row.running_p50 ?? 0) / longest) * 100}%` }} />
                      <i style={{ width: `${(((row.running_p95 ?? 0) - (row.running_p50 ?? 0)) / longest) * 100}%` }} />
                    </span>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
