import { useState } from 'preact/hooks';
import { useQuery } from '../../api/query.ts';
import type { FailureGroup, Failures } from '../../api/types.ts';
import { formatCount, plural } from '../../format.ts';
import { queryOf, setQuery } from '../../router.ts';
import { may } from '../../session.ts';
import { CopyAs, shellWord } from '../../ui/as-command.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty, Shown } from '../../ui/states.tsx';
import { Ago } from '../../ui/time.tsx';
import { Icon } from '../../ui/icons.tsx';
import { NewOperation } from '../operations/new-operation.tsx';
import { Members } from './members.tsx';

/** What fails now, by cause. */
export default function FailuresPage() {
  const workflow = queryOf('workflow');
  const of = workflow === '' ? '' : `workflow=${encodeURIComponent(workflow)}`;
  const failures = useQuery<Failures>(`/v1/failures?limit=100${of === '' ? '' : `&${of}`}`, {
    topic: 'failures',
    everySeconds: 5,
  });
  return (
    <>
      <PageHead title="Failures" text="Steps that are in error now, grouped by what they failed with.">
        <CopyAs
          command={`tasker failures${workflow === '' ? '' : ` --workflow ${shellWord(workflow)}`}`}
          path={`/v1/failures${of === '' ? '' : `?${of}`}`}
        />
      </PageHead>
      <div class="filters">
        <input
          type="search"
          aria-label="Of which workflow"
          placeholder="namespace/workflow"
          value={workflow}
          onChange={(event) => setQuery({ workflow: event.currentTarget.value.trim() })}
        />
      </div>
      <Shown query={failures} rows={6}>
        {({ items, complete }) =>
          items.length === 0 ? (
            <div class="card">
              {complete ? (
                <Empty title={workflow === '' ? 'Nothing is in error' : `Nothing of ${workflow} is in error`}>
                  No step {workflow === '' ? '' : 'of it '}is blocked, and none waits for a retry.
                </Empty>
              ) : (
                <Empty title={`Nothing of ${workflow} is among the newest failures`}>
                  More steps are in error than were read. Tasks lists all that are in error of a workflow.
                </Empty>
              )}
            </div>
          ) : (
            <>
              <p class="soft summary">
                {plural(items.length, 'cause')} ·{' '}
                {plural(
                  sum(items, ({ blocked }) => blocked),
                  'step',
                )}{' '}
                blocked · {formatCount(sum(items, ({ steps, blocked }) => steps - blocked))} in backoff
                {complete ? '' : ' · more steps are in error than were read: the numbers are of the newest'}
              </p>
              <ul class="groups">
                {items.map((group) => (
                  <Group key={keyOf(group)} group={group} />
                ))}
              </ul>
            </>
          )
        }
      </Shown>
    </>
  );
}

const sum = (groups: readonly FailureGroup[], of: (group: FailureGroup) => number): number =>
  groups.reduce((total, group) => total + of(group), 0);

const keyOf = ({ fingerprint, name, namespace, workflow, step }: FailureGroup): string =>
  [fingerprint ?? name ?? '', namespace, workflow, step].join(' ');

/** What chooses the tasks of a group: its cause, or the words of the error if an earlier version wrote no cause. Undefined: nothing does. */
function choiceOf({ fingerprint, code, name }: FailureGroup): { fingerprint?: string; error?: string } | undefined {
  if (fingerprint !== null) return { fingerprint };
  const words = code ?? name;
  return words === null || words === '' || !may('payload:read') ? undefined : { error: words };
}

function Group({ group }: { group: FailureGroup }) {
  const [acting, setActing] = useState(false);
  const [open, setOpen] = useState(false);
  const { fingerprint, name, code, message, namespace, workflow, versions, step, steps, blocked } = group;
  const waiting = steps - blocked;
  const chosenBy = choiceOf(group);
  return (
    <li class={`card group ${blocked > 0 ? 'bad' : 'attention'}`}>
      <div class="group-main">
        <div class="group-text">
          <h2 class="break">
            {name ?? 'An error that is not recorded'}
            {code === null ? null : <code class="tag">{code}</code>}
          </h2>
          {message === null ? null : <p class="group-message">{message}</p>}
          <p class="soft small">
            step <b>{step}</b> of{' '}
            <a href={`tasks?q=${encodeURIComponent(`workflow:${namespace}/${workflow} state:error`)}`}>
              {namespace}/{workflow}
            </a>{' '}
            {versions.join(', ')}
          </p>
        </div>
        <dl class="group-numbers">
          <div>
            <dt>blocked</dt>
            <dd class={blocked > 0 ? 'alarm' : undefined}>{formatCount(blocked)}</dd>
          </div>
          <div>
            <dt>in backoff</dt>
            <dd>{formatCount(waiting)}</dd>
          </div>
        </dl>
      </div>
      <div class="group-foot">
        <span class="muted small">
          first <Ago at={group.first_seen} /> · last <Ago at={group.last_seen} /> ·{' '}
          <a href={`tasks/${group.sample_task_id}`}>newest task {group.sample_task_id}</a>
        </span>
        <span class="actions">
          {chosenBy === undefined ? null : (
            <button type="button" class="button small" aria-expanded={open} onClick={() => setOpen(!open)}>
              <Icon name={open ? 'down' : 'right'} size={12} /> Tasks
            </button>
          )}
          {chosenBy !== undefined && may('bulk:operate') ? (
            <button type="button" class="button small primary" onClick={() => setActing(true)}>
              <Icon name="retry" size={13} /> Retry all…
            </button>
          ) : null}
        </span>
      </div>
      {chosenBy === undefined ? (
        <p class="muted small group-note">
          An earlier version wrote these failures without what they failed with, so nothing can choose them by their
          cause.{' '}
          <a href={`tasks?q=${encodeURIComponent(`workflow:${namespace}/${workflow} state:error`)}`}>
            Choose their tasks in the list
          </a>
          , and retry them there.
        </p>
      ) : null}
      {open && chosenBy !== undefined ? <Members filter={{ ...chosenBy, namespace, workflow }} /> : null}
      {acting && chosenBy !== undefined ? (
        <NewOperation
          filter={{ ...chosenBy, namespace, workflow }}
          about={
            fingerprint === null
              ? `of ${namespace}/${workflow} that fail now with an error in which “${chosenBy.error ?? ''}” occurs: an earlier version wrote them without a cause of their own`
              : `that failed in ${step} with ${name ?? fingerprint}`
          }
          close={() => setActing(false)}
        />
      ) : null}
    </li>
  );
}
