import { useQuery } from '../../api/query.ts';
import type { ConnectionBudget } from '../../api/types.ts';
import { formatCount, plural } from '../../format.ts';
import { Shown } from '../../ui/states.tsx';

/** Whether the connections that the fleet may open fit what the server allows. */
export function Connections() {
  const budget = useQuery<ConnectionBudget>('/v1/health/connections', { everySeconds: 30 });
  return (
    <section class="card connections" aria-labelledby="connections">
      <header class="card-head">
        <h2 id="connections">Connections</h2>
        <span class="muted small">
          <code>tasker doctor --connections</code>
        </span>
      </header>
      <Shown query={budget} rows={3}>
        {(found) => <Budget found={found} />}
      </Shown>
    </section>
  );
}

function Budget({ found }: { found: ConnectionBudget }) {
  const { budget, committed, problems, workers, schedulers, apis, used_now: used, max_connections: most } = found;
  const max = budget.max_workers;
  return (
    <div class="card-body stack">
      {problems.length === 0 ? (
        <p>The fleet fits.</p>
      ) : (
        problems.map((problem) => (
          <p key={problem} class="alarm break">
            {problem}
          </p>
        ))
      )}
      <dl class="group-numbers wide">
        <div>
          <dt>may be opened</dt>
          <dd>
            {formatCount(committed)} of {formatCount(budget.available)}
          </dd>
        </div>
        <div>
          <dt>in use now</dt>
          <dd>
            {formatCount(used)} of {formatCount(most)}
          </dd>
        </div>
        <div>
          <dt>workers that fit</dt>
          <dd>{max === null ? 'any number' : formatCount(max)}</dd>
        </div>
      </dl>
      <p class="muted small">
        {plural(workers, 'worker')} with {budget.per_worker} each, {plural(schedulers, 'scheduler')} with{' '}
        {budget.per_scheduler}, {plural(apis, 'process', 'processes')} of the API with {budget.per_api}
        {found.pooled ? `, ${budget.pooler} of the pooler` : ''}; {found.reserved_for_others} are kept for others. Pools
        are taken to be as large as that of this API ({found.pool_size}).
      </p>
      <details>
        <summary class="small">Now, by application</summary>
        <ul class="plain-list small">
          {found.by_application.map(({ application, connections }) => (
            <li key={application} class="break">
              {application}: {connections}
            </li>
          ))}
        </ul>
      </details>
    </div>
  );
}
