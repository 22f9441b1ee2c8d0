import { useEffect, useState } from 'preact/hooks';
import { reloadAll } from '../../api/query.ts';
import { newKey, type Problem, request } from '../../api/request.ts';
import type { Task } from '../../api/types.ts';
import { formatCount, plural } from '../../format.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { isReasonGood, ReasonField } from '../../ui/reason-field.tsx';

type Act = 'retry' | 'cancel' | 'resolve';
const VERBS = { retry: 'Retry', cancel: 'Cancel', resolve: 'Resolve' } as const;
const PAST = { retry: 'retried', cancel: 'cancelled', resolve: 'resolved' } as const;
/** Requests that are under way at once: the rest of the fleet's operators want something, too. */
const AT_ONCE = 4;

interface Outcome {
  readonly id: string;
  readonly problem: Problem | undefined;
}

/** Does one act on each task, first as a dry run: what would be refused is known before anything is done. */
export function ManyDialog({
  act,
  tasks,
  close,
}: {
  act: Act;
  tasks: readonly Task[];
  close: (done?: readonly string[]) => void;
}) {
  const [reason, setReason] = useState('');
  const [preview, setPreview] = useState<readonly Outcome[]>();
  const [count, setCount] = useState(0);
  const [outcomes, setOutcomes] = useState<readonly Outcome[]>();
  const [running, setRunning] = useState(false);
  useEffect(() => {
    let gone = false;
    void forEach(tasks, act, { dry_run: true }, (done) => !gone && setCount(done)).then(
      (all) => !gone && setPreview(all),
    );
    return () => {
      gone = true;
    };
  }, []);
  const good = preview?.filter(({ problem }) => problem === undefined).map(({ id }) => id) ?? [];
  const run = async (): Promise<void> => {
    setRunning(true);
    setCount(0);
    const wanted = tasks.filter(({ task_id: id }) => good.includes(id));
    const body = reason.trim() === '' ? {} : { reason: reason.trim() };
    setOutcomes(await forEach(wanted, act, body, setCount));
    setRunning(false);
    reloadAll();
  };
  const done = outcomes?.filter(({ problem }) => problem === undefined).map(({ id }) => id);
  return (
    <Dialog title={`${VERBS[act]} ${plural(tasks.length, 'task')}`} close={() => close(done)}>
      {outcomes !== undefined ? (
        <>
          <p>
            {plural(done?.length ?? 0, 'task')} done, {plural(outcomes.length - (done?.length ?? 0), 'task')} not.
          </p>
          <Refused outcomes={outcomes} />
        </>
      ) : preview === undefined ? (
        <Progress text="Dry run" count={count} total={tasks.length} />
      ) : (
        <>
          <p>
            {good.length === tasks.length
              ? `All of them can be ${PAST[act]}. Nothing has been done yet.`
              : `${formatCount(good.length)} of them can be ${PAST[act]}. Nothing has been done yet. The others would be refused:`}
          </p>
          <Refused outcomes={preview} />
          {running ? (
            <Progress text={VERBS[act]} count={count} total={good.length} />
          ) : (
            <ReasonField reason={reason} setReason={setReason} />
          )}
        </>
      )}
      <footer class="dialog-foot">
        <button type="button" class="button" onClick={() => close(done)}>
          Close
        </button>
        {outcomes === undefined ? (
          <button
            type="button"
            class={`button primary${act === 'cancel' ? ' danger' : ''}`}
            disabled={running || good.length === 0 || !isReasonGood(reason)}
            onClick={() => void run()}
          >
            {VERBS[act]} {plural(good.length, 'task')}
          </button>
        ) : null}
      </footer>
    </Dialog>
  );
}

const Progress = ({ text, count, total }: { text: string; count: number; total: number }) => (
  <div role="status">
    <p class="soft">
      {text}: {count} of {total}
    </p>
    <progress max={total} value={count} aria-label={text} />
  </div>
);

function Refused({ outcomes }: { outcomes: readonly Outcome[] }) {
  const refused = outcomes.filter(({ problem }) => problem !== undefined);
  if (refused.length === 0) return null;
  return (
    <ul class="refused">
      {refused.slice(0, 20).map(({ id, problem }) => (
        <li key={id}>
          <a href={`tasks/${id}`}>{id}</a> {problem?.message}
        </li>
      ))}
      {refused.length > 20 ? <li class="muted">and {refused.length - 20} more</li> : null}
    </ul>
  );
}

async function forEach(
  tasks: readonly Task[],
  act: Act,
  body: Readonly<Record<string, unknown>>,
  progress: (count: number) => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const waiting = [...tasks];
  const work = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      const { task_id: id } = task;
      const key = newKey();
      const problem = await request(`/v1/tasks/${id}:${act}`, { method: 'POST', body, key }).then(
        () => undefined,
        (error: Problem) => error,
      );
      outcomes.push({ id, problem });
      progress(outcomes.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return outcomes;
}
