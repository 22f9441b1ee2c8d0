import { useState } from 'preact/hooks';
import { useQuery } from '../../api/query.ts';
import type { QueueDetails } from '../../api/types.ts';
import { formatCount, formatReady, formatSeconds } from '../../format.ts';
import type { PageProps } from '../../pages.ts';
import { may } from '../../session.ts';
import { CopyAs } from '../../ui/as-command.tsx';
import { type Act, ActDialog } from '../../ui/act-dialog.tsx';
import { Chart } from '../../ui/chart.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { PauseAct } from '../../ui/pause-act.tsx';
import { PausedNotice } from '../../ui/paused-notice.tsx';
import { Empty, Shown } from '../../ui/states.tsx';
import { eachMinute } from './each-minute.ts';
import { signalText } from './signal.tsx';

export default function QueuePage({ params: { queue: name = '' } }: PageProps) {
  const path = `/v1/queues/${encodeURIComponent(name)}`;
  const queue = useQuery<QueueDetails>(path, { topic: 'queues', everySeconds: 5 });
  const [act, setAct] = useState<Act | 'pause'>();
  const paused = queue.data?.paused ?? null;
  return (
    <>
      <PageHead title={`Queue ${name}`} text={<a href="queues">All queues</a>}>
        {!may('queues:write') || queue.data === undefined ? null : paused === null ? (
          <button type="button" class="button" onClick={() => setAct('pause')}>
            Pause…
          </button>
        ) : (
          <button
            type="button"
            class="button primary"
            onClick={() =>
              setAct({
                title: `Resume queue ${name}`,
                verb: 'Resume',
                path: `${path}:resume`,
                text: 'Its ready steps are claimed again.',
              })
            }
          >
            Resume…
          </button>
        )}
        <CopyAs command="tasker queues" path={path} />
      </PageHead>
      <Shown query={queue} rows={6}>
        {(data) => <Details queue={data} />}
      </Shown>
      {act === undefined ? null : act === 'pause' ? (
        <PauseAct kind="queue" name={name} path={`${path}:pause`} close={() => setAct(undefined)} />
      ) : (
        <ActDialog act={act} close={() => setAct(undefined)} />
      )}
    </>
  );
}

function Details({ queue }: { queue: QueueDetails }) {
  const { ready, oldest_ready_seconds: oldest, workers, paused, scaling, times } = queue;
  const minutes = eachMinute(queue.minutes, Date.now());
  const at = minutes.map(({ minute }) => Date.parse(minute));
  return (
    <div class="stack">
      {paused === null ? null : <PausedNotice {...paused} />}
      <section class="figures" aria-label="Now">
        <Figure
          title="Ready"
          value={formatReady(queue)}
          text={ready === 0 ? 'nothing waits' : `the oldest for ${formatSeconds(oldest)}`}
        />
        <Figure
          title="Workers"
          value={formatCount(workers)}
          text={signalText(scaling)}
          bad={workers === 0 && ready > 0}
        />
        <Figure
          title="Wait, typically"
          value={times?.waiting_p50 === null || times === null ? '–' : formatSeconds(times.waiting_p50)}
          text={
            times?.waiting_p95 === null || times === null
              ? 'nothing ran in this hour or the one before'
              : `95 % within ${formatSeconds(times.waiting_p95)}`
          }
        />
        <Figure
          title="Work, typically"
          value={times?.running_p50 === null || times === null ? '–' : formatSeconds(times.running_p50)}
          text={
            times === null
              ? 'no attempts'
              : `${formatCount(times.runs)} attempts, ${formatCount(times.failures)} failed`
          }
        />
      </section>
      {minutes.length < 2 ? (
        <div class="card">
          <Empty icon="queues" title="No minutes to show yet">
            A scheduler writes one for each minute in which something is ready or runs.
          </Empty>
        </div>
      ) : (
        <div class="charts">
          <Chart
            title="Steps"
            times={at}
            format={(value) => formatCount(Math.round(value))}
            series={[
              { name: 'ready', tone: 'ready', area: true, values: minutes.map((each) => each.ready) },
              { name: 'running', tone: 'running', values: minutes.map((each) => each.running) },
            ]}
          />
          <Chart
            title="Oldest ready step"
            times={at}
            format={formatSeconds}
            series={[
              { name: 'waits', tone: 'blocked', area: true, values: minutes.map((each) => each.oldest_ready_seconds) },
            ]}
          />
          <Chart
            title="Steps a second"
            times={at}
            format={(value) => (value < 0.05 ? '0' : value < 10 ? value.toFixed(1) : formatCount(Math.round(value)))}
            series={[
              { name: 'become ready', tone: 'ready', values: minutes.map((each) => each.arrivals_per_second) },
              { name: 'complete', tone: 'running', values: minutes.map((each) => each.completions_per_second) },
            ]}
          />
          <Chart
            title="Workers"
            times={at}
            format={(value) => String(Math.round(value))}
            series={[
              { name: 'wanted', tone: 'accent', values: minutes.map((each) => each.desired_workers) },
              { name: 'there', tone: 'running', values: minutes.map((each) => each.workers) },
            ]}
          />
        </div>
      )}
    </div>
  );
}

const Figure = ({ title, value, text, bad = false }: { title: string; value: string; text: string; bad?: boolean }) => (
  <div class="figure card">
    <h3>{title}</h3>
    <p class={bad ? 'figure-value alarm' : 'figure-value'}>{value}</p>
    <div class="muted small">{text}</div>
  </div>
);
