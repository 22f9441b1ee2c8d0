import { useEffect, useMemo } from 'preact/hooks';
import { useQuery } from '../../api/query.ts';
import type { CriticalPath, Layout, RunStats, Stats, TaskDetails } from '../../api/types.ts';
import type { PageProps } from '../../pages.ts';
import { queryOf, setQuery } from '../../router.ts';
import { may } from '../../session.ts';
import { StoredDocument } from '../../ui/document.tsx';
import { isTyping } from '../../ui/shortcuts.tsx';
import { Empty, Shown } from '../../ui/states.tsx';
import { Tabs } from '../../ui/tabs.tsx';
import { clock } from '../../ui/time.tsx';
import { StepDrawer } from './drawer.tsx';
import { Graph } from './graph.tsx';
import { HistoryList } from './history.tsx';
import { nodesOf, type StepView, viewsOf } from './model.ts';
import { segmentsOf } from './segments.ts';
import { StepList } from './step-list.tsx';
import { TaskHead } from './task-head.tsx';
import { Timeline } from './timeline.tsx';
import { passesOf, Toolbar } from './toolbar.tsx';
import { useHistory } from './use-history.ts';
import { useStates } from './use-states.ts';
import { Verdict } from './verdict.tsx';

const VIEWS = [
  ['graph', 'Graph'],
  ['timeline', 'Timeline'],
  ['list', 'List'],
  ['history', 'History'],
] as const;
type View = (typeof VIEWS)[number][0];

export default function TaskPage({ params }: PageProps) {
  const id = params['id'] ?? '';
  const task = useQuery<TaskDetails>(`/v1/tasks/${encodeURIComponent(id)}`, { topic: `task:${id}`, everySeconds: 3 });
  return (
    <Shown query={task} rows={10}>
      {(data) => <Opened task={data} etag={task.etag} />}
    </Shown>
  );
}

function Opened({ task, etag }: { task: TaskDetails; etag: string | undefined }) {
  const { task_id: id, namespace, workflow, version } = task;
  const known = useStates(id);
  const steps = useMemo(() => viewsOf(task, known), [task, known]);
  const of = `${encodeURIComponent(namespace)}/${encodeURIComponent(workflow)}`;
  const fleet = may('fleet:read');
  const layout = useQuery<Layout>(fleet ? `/v1/workflows/${of}/${encodeURIComponent(version)}/layout` : undefined, {
    everySeconds: 0,
  });
  const stats = useQuery<Stats>(
    fleet
      ? `/v1/stats?namespace=${encodeURIComponent(namespace)}&workflow=${encodeURIComponent(workflow)}&steps=true`
      : undefined,
    { everySeconds: 0 },
  );
  const typical = useMemo(() => typicalOf(stats.data), [stats.data]);
  const noGraph = layout.data === undefined && (layout.problem !== undefined || !fleet);
  const given = queryOf('view') as View;
  const view: View = VIEWS.some(([name]) => name === given) ? given : noGraph ? 'list' : 'graph';
  const showPath = queryOf('path') === 'yes';
  const critical = useQuery<CriticalPath>(showPath || view === 'list' ? `/v1/tasks/${id}/critical-path` : undefined, {
    topic: `task:${id}`,
    everySeconds: 10,
  });
  const path = useMemo(
    () => (showPath && critical.data !== undefined ? new Set(critical.data.path.map(({ step }) => step)) : undefined),
    [critical.data, showPath],
  );
  const history = useHistory(id, `${etag}${known.version}`, view === 'timeline' || view === 'history');
  const now = clock.value - Date.parse(task.requested_at);
  const segments = useMemo(
    () => (view === 'timeline' ? segmentsOf(steps, history.rows, task.requested_at, now) : new Map()),
    [steps, history, task.requested_at, now, view],
  );
  const passes = passesOf();
  const passing = steps.filter(passes);
  const selected = queryOf('step') === '' ? undefined : queryOf('step');
  const current = steps.find(({ name }) => name === selected);
  const siblings = useMemo(() => {
    const nodes = layout.data === undefined ? [] : nodesOf(layout.data, steps);
    return nodes.find((node) => node.steps.some(({ name }) => name === selected))?.steps ?? [];
  }, [layout.data, steps, selected]);
  const select = (step: string | undefined): void => setQuery({ step });
  useViewKeys();
  useFollow(steps, selected);
  return (
    <div class="task-page">
      <TaskHead task={task} steps={steps} />
      <Verdict taskId={id} />
      <div class="view-bar">
        <Tabs
          label="Views of the task"
          tabs={VIEWS}
          chosen={view}
          choose={(name) => setQuery({ view: name === 'graph' ? undefined : name })}
        />
        {view === 'history' ? null : <Toolbar steps={steps} critical={showPath ? critical.data : undefined} />}
      </div>
      <div class={`split${current === undefined ? '' : ' with-drawer'}`}>
        <div class="split-main">
          {view === 'graph' ? (
            layout.data !== undefined ? (
              <Graph
                layout={layout.data}
                steps={steps}
                selected={selected}
                select={select}
                path={path}
                passes={passes}
                now={now}
              />
            ) : (
              <div class="graph">
                {noGraph ? (
                  <Empty icon="workflows" title="There is no graph of this version">
                    Its steps are in the list.
                  </Empty>
                ) : null}
              </div>
            )
          ) : null}
          {view === 'timeline' ? (
            <Timeline
              steps={passing}
              segments={segments}
              typical={typical}
              path={path}
              selected={selected}
              select={select}
              incomplete={history.incomplete}
            />
          ) : null}
          {view === 'list' ? (
            <StepList
              steps={passing}
              typical={typical}
              critical={critical.data}
              selected={selected}
              select={select}
              now={now}
            />
          ) : null}
          {view === 'history' ? (
            <div class="card card-body">
              <HistoryList history={history} />
            </div>
          ) : null}
          <section class="card" aria-labelledby="input">
            <header class="card-head">
              <h2 id="input">Input</h2>
            </header>
            <div class="card-body">
              <StoredDocument payload={task.input} none="It has no input." />
            </div>
          </section>
        </div>
        {current === undefined ? null : (
          <StepDrawer
            key={current.name}
            taskId={id}
            step={current}
            typical={typical.get(current.name)}
            siblings={siblings}
            select={select}
            close={() => select(undefined)}
            version={`${etag}${known.version}`}
          />
        )}
      </div>
    </div>
  );
}

function typicalOf(stats: Stats | undefined): ReadonlyMap<string, RunStats> {
  return new Map(stats?.items.flatMap((row) => (row.step === null ? [] : [[row.step, row] as const])));
}

/** `1` to `4` choose the view. */
function useViewKeys(): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (isTyping(event)) return;
      if (event.key === 'Escape') setQuery({ step: undefined });
      const chosen = VIEWS[Number(event.key) - 1];
      if (chosen !== undefined) setQuery({ view: chosen[0] === 'graph' ? undefined : chosen[0] });
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, []);
}

/** Whoever follows sees the step that runs: the selection goes with it. */
function useFollow(steps: readonly StepView[], selected: string | undefined): void {
  const follows = queryOf('follow') === 'yes';
  const running = follows ? steps.find(({ phase }) => phase === 'running')?.name : undefined;
  useEffect(() => {
    const isRunning = steps.some(({ name, phase }) => name === selected && phase === 'running');
    if (running !== undefined && !isRunning) setQuery({ step: running });
  }, [running]);
}
