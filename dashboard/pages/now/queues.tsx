import type { Queue } from '../../api/types.ts';
import { formatReady, formatSeconds } from '../../format.ts';
import { Empty } from '../../ui/states.tsx';

export function Queues({ queues: all }: { queues: readonly Queue[] }) {
  // A queue that has just become empty is in the answer as well.
  const queues = all.filter(({ ready }) => ready > 0);
  const longest = Math.max(1, ...queues.map(({ ready }) => ready));
  return (
    <section class="card" aria-labelledby="queues">
      <header class="card-head">
        <h2 id="queues">Queues with ready steps</h2>
      </header>
      {queues.length === 0 ? (
        <Empty icon="queues" title="No step waits for a worker">
          Every step that is ready has been claimed.
        </Empty>
      ) : (
        <ul class="queue-list">
          {queues.map(({ queue, ready, ready_is, oldest_ready_seconds: oldest, workers }) => (
            <li key={queue}>
              <a class="break" href={`queues/${encodeURIComponent(queue)}`}>
                {queue}
              </a>
              <span class="number">{formatReady({ ready, ready_is })}</span>
              <meter
                class="meter"
                min={0}
                max={longest}
                value={ready}
                aria-label={`${queue}: ${formatReady({ ready, ready_is })} ready`}
              />
              <span class={workers === 0 ? 'alarm small' : 'muted small'}>
                {workers === 0
                  ? 'no worker serves it'
                  : `oldest ${formatSeconds(oldest)} · ${workers} ${workers === 1 ? 'worker' : 'workers'}`}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
