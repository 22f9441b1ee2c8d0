import { useState } from 'preact/hooks';
import { useQuery } from '../../api/query.ts';
import type { Attempt, RunStats, StepDetails } from '../../api/types.ts';
import { formatSeconds } from '../../format.ts';
import { phaseOfStep } from '../../phase.ts';
import { PhaseBadge } from '../../ui/badge.tsx';
import { Copy } from '../../ui/copy.tsx';
import { StoredDocument } from '../../ui/document.tsx';
import { Icon } from '../../ui/icons.tsx';
import { Empty, Shown } from '../../ui/states.tsx';
import { Tabs } from '../../ui/tabs.tsx';
import { Ago, At } from '../../ui/time.tsx';
import { ToolLinks } from '../../ui/tool-links.tsx';
import { ActButtons } from './act-buttons.tsx';
import { actsOfStep } from './acts.ts';
import { HistoryList } from './history.tsx';
import { useHistory } from './use-history.ts';
import { Verdict } from './verdict.tsx';
import type { StepView } from './model.ts';
import { WorkerName } from '../../ui/worker-name.tsx';

type Tab = 'attempts' | 'input' | 'result' | 'history';
const TABS = [
  ['attempts', 'Attempts'],
  ['input', 'Input'],
  ['result', 'Result'],
  ['history', 'History'],
] as const;

/** Everything of one step, beside the view in which it was chosen. */
export function StepDrawer({
  taskId,
  step,
  typical,
  siblings,
  select,
  close,
  version,
  traceId,
}: {
  taskId: string;
  step: StepView;
  typical: RunStats | undefined;
  /** Equal ones that are drawn as the same node. */
  siblings: readonly StepView[];
  select: (step: string) => void;
  close: () => void;
  version: string | undefined;
  traceId: string | null;
}) {
  const [tab, setTab] = useState<Tab>('attempts');
  const at = `/v1/tasks/${taskId}/steps/${encodeURIComponent(step.name)}`;
  const topic = `task:${taskId}`;
  // One request for all of it: what is known of the step already is shown meanwhile.
  const details = useQuery<StepDetails>(`${at}?include=attempts,explanation`, { topic, everySeconds: 2 });
  return (
    <aside class="drawer card" aria-label={`Step ${step.name}`}>
      <header class="drawer-head">
        <h2 class="break">{step.name}</h2>
        <button type="button" class="icon-button" aria-label="Close the step" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div class="drawer-body">
        <p class="chips">
          <PhaseBadge phase={details.data === undefined ? step.phase : phaseOfStep(details.data)} />
          <span class="soft">
            attempt {details.data?.attempts ?? step.attempts}
            {details.data === undefined ? '' : ` of ${details.data.retry_limit}`}
          </span>
          <span class="tag">{step.queue}</span>
        </p>
        <Shown query={details} rows={4}>
          {(data) => (
            <>
              <div class="chips actions">
                <ActButtons small acts={actsOfStep(taskId, step.name, data.allowed_actions, data.inputs !== null)} />
              </div>
              {data.explanation === undefined ? null : (
                <Verdict data={data.explanation} taskId={taskId} step={step.name} />
              )}
              {siblings.length < 2 ? null : <Siblings siblings={siblings} current={step.name} select={select} />}
              <dl class="pairs small">
                {data.parents.length === 0 ? null : (
                  <>
                    <dt>After</dt>
                    <dd>
                      {data.parents.slice(0, 20).map((parent) => (
                        <button key={parent} type="button" class="link-button" onClick={() => select(parent)}>
                          {parent}
                        </button>
                      ))}
                      {data.parents.length > 20 ? ` and ${data.parents.length - 20} more` : ''}
                    </dd>
                  </>
                )}
                {data.next_retry_at === null ? null : (
                  <>
                    <dt>Next attempt</dt>
                    <dd>
                      <Ago at={data.next_retry_at} />
                    </dd>
                  </>
                )}
                {data.claimed_by === null ? null : (
                  <>
                    <dt>Worker</dt>
                    <dd>{data.claimed_by}</dd>
                  </>
                )}
                {typeof typical?.running_p50 !== 'number' ? null : (
                  <>
                    <dt>Typical run</dt>
                    <dd>
                      {formatSeconds(typical.running_p50)}, 95 of 100 within {formatSeconds(typical.running_p95 ?? 0)}
                    </dd>
                  </>
                )}
              </dl>
              <Tabs label="Of the step" tabs={TABS} chosen={tab} choose={setTab} />
              {tab === 'attempts' ? (
                <Attempts items={data.attempt_list ?? []} taskId={taskId} step={step.name} traceId={traceId} />
              ) : null}
              {tab === 'input' ? (
                data.inputs === null ? (
                  <p class="soft">It has the input of its task, which is below the graph.</p>
                ) : (
                  <StoredDocument payload={data.inputs} none="" />
                )
              ) : null}
              {tab === 'result' ? <StoredDocument payload={data.result} none="It has no result yet." /> : null}
              {tab === 'history' ? <StepHistory taskId={taskId} step={step.name} version={version} /> : null}
            </>
          )}
        </Shown>
      </div>
    </aside>
  );
}

function Siblings({
  siblings,
  current,
  select,
}: {
  siblings: readonly StepView[];
  current: string;
  select: (step: string) => void;
}) {
  return (
    <label class="field small">
      <span class="field-label">One of {siblings.length} equal steps</span>
      <select value={current} onChange={(event) => select(event.currentTarget.value)}>
        {siblings.map(({ name, phase }) => (
          <option key={name} value={name}>
            {name} – {phase}
          </option>
        ))}
      </select>
    </label>
  );
}

function StepHistory({ taskId, step, version }: { taskId: string; step: string; version: string | undefined }) {
  return <HistoryList history={useHistory(taskId, version, true)} step={step} />;
}

function Attempts({
  items,
  taskId,
  step,
  traceId,
}: {
  items: readonly Attempt[];
  taskId: string;
  step: string;
  traceId: string | null;
}) {
  if (items.length === 0) return <Empty icon="workers" title="It has not run yet" />;
  return (
    <ol class="attempts">
      {items.toReversed().map(({ attempt, started_at: from, ended_at: to, outcome, error, worker_id: worker }) => (
        <li key={attempt} class={error === null ? undefined : 'failed'}>
          <p>
            <strong>Attempt {attempt}</strong> <span class="tag">{outcome ?? 'running'}</span>
            <span class="soft">
              {' '}
              {to === null ? <Ago at={from} /> : formatSeconds((Date.parse(to) - Date.parse(from)) / 1000)}
            </span>
          </p>
          {error === null ? null : (
            <p class="error-text break">
              <strong>{error.name}</strong>
              {error.code === undefined ? '' : ` ${error.code}`}
              {error.message === null || error.message === '' ? '' : `: ${error.message}`}
              {error.message === null ? null : <Copy text={`${error.name}: ${error.message}`} label="Copy the error" />}
            </p>
          )}
          <p class="muted small">
            <At at={from} />
            <WorkerName id={worker} />{' '}
            <ToolLinks
              task_id={taskId}
              step={step}
              attempt={String(attempt)}
              {...(traceId === null ? {} : { trace_id: traceId })}
            />
          </p>
        </li>
      ))}
    </ol>
  );
}
