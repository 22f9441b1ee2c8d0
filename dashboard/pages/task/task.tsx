import { useEffect, useMemo } from 'preact/hooks';
import { useQuery } from '../../api/query.ts';
import type { CriticalPath, Layout, RunStats, Stats, TaskDetails } from '../../api/types.ts';
import type { PageProps } from '../../pages.ts';
import { isDone } from '../../phase.ts';
import { queryOf, setQuery } from '../../router.ts';
import { may, me } from '../../session.ts';
import { StoredDocument } from '../../ui/document.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { isTyping } from '../../ui/shortcuts.tsx';
import { Empty, Loading, ProblemBox, Shown } from '../../ui/states.tsx';
import { Tabs } from '../../ui/tabs.tsx';
import { clock } from '../../ui/time.tsx';
import { StepDrawer } from './drawer.tsx';
import { Graph } from './graph.tsx';
import { HistoryList } from './history.tsx';
import { type Known, plansOf, plansOfTask, type StepPlan } from './model.ts';
import { segmentsOf, segmentsOfStates } from './segments.ts';
import { StepList } from './step-list.tsx';
import { TaskHead } from './task-head.tsx';
import { Timeline } from './timeline.tsx';
import { Toolbar, usePasses } from './toolbar.tsx';
import { useFollow } from './use-follow.ts';
import { useHistory } from './use-history.ts';
import { useStates } from './use-states.ts';
import { useSteps } from './use-steps.ts';
import { TaskVerdict } from './verdict.tsx';

const VIEWS = [
  ['graph', 'Graph'],
  ['timeline', 'Timeline'],
  ['list', 'List'],
  ['history', 'History'],
] as const;
type View = (typeof VIEWS)[number][0];

/** Of tasks with more steps the timeline is made of their states: their history would be thousands of rows. */
const MOST_WITH_HISTORY = 400;

export default function TaskPage({ params }: PageProps) {
  const id = params['id'] ?? '';
  const task = useQuery<TaskDetails>(`/v1/tasks/${encodeURIComponent(id)}?steps=false`, {
    topic: `task:${id}`,
    everySeconds: 3,
  });
  // Asked for beside the task, and not after it.
  const known = useStates(encodeURIComponent(id));
  return (
    <>
      {task.data === undefined ? <PageHead title={`Task ${id}`} text={<a href="tasks">All tasks</a>} /> : null}
      <Shown query={task} rows={10}>
        {(data) => <Opened task={data} etag={task.etag} known={known} />}
      </Shown>
      {task.data === undefined && task.problem?.status === 404 ? <NumberOfYourOwn id={id} /> : null}
    </>
  );
}

/** Whoever looks for order 10255 types 10255. */
const NumberOfYourOwn = ({ id }: { id: string }) => (
  <p class="soft not-found">
    Is {id} a number of your own, as of an order? Then search for the field of the input that has it, as in{' '}
    <code>input.order_id:{id}</code>, in the <a href={`tasks?q=${encodeURIComponent(`input.order_id:${id}`)}`}>tasks</a>
    , or for the <a href={`tasks?q=key%3A${id}`}>key</a> of a task.
  </p>
);

/** What the steps of a task are, by the layout of its version; by the task itself if there is none. */
function usePlans(task: TaskDetails): {
  layout: Layout | undefined;
  plans: readonly StepPlan[] | undefined;
  noGraph: boolean;
} {
  const { task_id: id, namespace, workflow, version } = task;
  const fleet = may('fleet:read');
  const path = [namespace, workflow, version].map(encodeURIComponent).join('/');
  const layout = useQuery<Layout>(fleet ? `/v1/workflows/${path}/layout` : undefined, { everySeconds: 0 });
  // A large graph may be laid out later than the first who asks can wait: it is asked for again.
  const isRefused = layout.data === undefined && layout.problem?.passes === false;
  const noGraph = me.value !== undefined && (!fleet || isRefused);
  const whole = useQuery<TaskDetails>(noGraph ? `/v1/tasks/${id}` : undefined, { everySeconds: 0 });
  const plans = useMemo(
    () =>
      layout.data !== undefined ? plansOf(layout.data) : whole.data !== undefined ? plansOfTask(whole.data) : undefined,
    [layout.data, whole.data],
  );
  return { layout: layout.data, plans, noGraph };
}

const NO_PLANS: readonly StepPlan[] = [];

function Opened({ task, etag, known }: { task: TaskDetails; etag: string | undefined; known: Known }) {
  const { task_id: id, namespace, workflow } = task;
  const { layout, plans, noGraph } = usePlans(task);
  const isKnown = plans !== undefined && known.version !== undefined;
  const steps = useSteps(isKnown ? plans : NO_PLANS, known);
  const given = queryOf('view') as View;
  const view: View = VIEWS.some(([name]) => name === given) ? given : noGraph ? 'list' : 'graph';
  const showPath = queryOf('path') === 'yes';
  const selected = queryOf('step') === '' ? undefined : queryOf('step');
  // After what the page is opened for: a workflow of thousands of steps has as many rows.
  const stats = useQuery<Stats>(
    may('fleet:read') && isKnown
      ? `/v1/stats?namespace=${encodeURIComponent(namespace)}&workflow=${encodeURIComponent(workflow)}&steps=true`
      : undefined,
    { everySeconds: 0 },
  );
  const typical = useMemo(() => typicalOf(stats.data), [stats.data]);
  const critical = useQuery<CriticalPath>(showPath || view === 'list' ? `/v1/tasks/${id}/critical-path` : undefined, {
    topic: `task:${id}`,
    everySeconds: 10,
  });
  const path = useMemo(
    () => (showPath && critical.data !== undefined ? new Set(critical.data.path.map(({ step }) => step)) : undefined),
    [critical.data, showPath],
  );
  const hasHistory = steps.length <= MOST_WITH_HISTORY;
  const history = useHistory(
    id,
    `${etag}${known.version}`,
    view === 'history' || (view === 'timeline' && isKnown && hasHistory),
  );
  // What the clock changes of the steps: for whatever stands still, a second that passes renders nothing.
  const ticks = useMemo(
    () =>
      steps.some(({ phase }) => (view === 'timeline' ? !isDone(phase) : phase === 'running' || phase === 'backoff')),
    [steps, view],
  );
  const now = (ticks ? clock.value : clock.peek()) - Date.parse(task.requested_at);
  const segments = useMemo(
    () =>
      view !== 'timeline'
        ? new Map()
        : hasHistory
          ? segmentsOf(steps, history.rows, task.requested_at, now)
          : segmentsOfStates(steps, now),
    [steps, history, task.requested_at, now, view, hasHistory],
  );
  // Without its history a step that is done would look as if it had waited until now.
  const hasSegments = isKnown && (!hasHistory || history.known);
  const passes = usePasses(now);
  const passing = useMemo(() => (passes === undefined ? steps : steps.filter(passes)), [steps, passes]);
  const current = useMemo(() => steps.find(({ name }) => name === selected), [steps, selected]);
  const siblings = useMemo(() => {
    const node = current === undefined ? undefined : layout?.steps[current.n - 1]?.node;
    return node === undefined ? [] : steps.filter(({ n }) => layout?.steps[n - 1]?.node === node);
  }, [layout, steps, current]);
  useViewKeys();
  useFollow(steps, selected);
  // A step that is chosen, or that changes, renders none of these.
  const head = useMemo(() => <TaskHead task={task} steps={steps} />, [task, steps]);
  const verdict = useMemo(() => <TaskVerdict taskId={id} state={task.state} />, [id, task.state]);
  const shownPath = showPath ? critical.data : undefined;
  const toolbar = useMemo(() => <Toolbar steps={steps} critical={shownPath} />, [steps, shownPath]);
  const input = useMemo(() => <TaskInput input={task.input} />, [task.input]);
  return (
    <div class="task-page">
      {head}
      {verdict}
      <div class="view-bar">
        <Tabs
          label="Views of the task"
          tabs={VIEWS}
          chosen={view}
          choose={(name) => setQuery({ view: name === 'graph' ? undefined : name })}
        />
        {view === 'history' ? null : toolbar}
      </div>
      <div class={`split${current === undefined ? '' : ' with-drawer'}`}>
        <div class="split-main">
          {view === 'graph' ? (
            layout !== undefined && isKnown ? (
              <Graph
                layout={layout}
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
                ) : (
                  <Loading rows={5} />
                )}
              </div>
            )
          ) : null}
          {(view === 'list' && !isKnown) || (view === 'timeline' && !hasSegments && history.problem === undefined) ? (
            <Loading rows={8} />
          ) : null}
          {view === 'timeline' && !hasSegments && history.problem !== undefined ? (
            <ProblemBox problem={history.problem} />
          ) : null}
          {view === 'timeline' && hasSegments ? (
            <Timeline
              steps={passing}
              segments={segments}
              typical={typical}
              path={path}
              selected={selected}
              select={select}
              missing={
                !hasHistory
                  ? 'Of each step the last attempt: with this many steps the earlier ones are in the history alone.'
                  : history.incomplete
                    ? 'The history is longer than what was read: later bars are missing.'
                    : undefined
              }
            />
          ) : null}
          {view === 'list' && isKnown ? (
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
          {input}
        </div>
        {current === undefined ? null : (
          <StepDrawer
            key={current.name}
            taskId={id}
            step={current}
            typical={typical.get(current.name)}
            siblings={siblings}
            select={select}
            close={closeStep}
            version={`${etag}${known.version}`}
            traceId={task.trace_id}
          />
        )}
      </div>
    </div>
  );
}

const select = (step: string | undefined): void => setQuery({ step });
const closeStep = (): void => select(undefined);

const TaskInput = ({ input }: { input: TaskDetails['input'] }) => (
  <section class="card" aria-labelledby="input">
    <header class="card-head">
      <h2 id="input">Input</h2>
    </header>
    <div class="card-body">
      <StoredDocument payload={input} none="It has no input." />
    </div>
  </section>
);

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
