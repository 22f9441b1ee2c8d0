import { useQuery } from '../../api/query.ts';
import type { Explanation, Reason, TaskState } from '../../api/types.ts';
import { Copy } from '../../ui/copy.tsx';
import { Icon, type IconName, PhaseIcon } from '../../ui/icons.tsx';
import type { Phase } from '../../phase.ts';
import { Ago } from '../../ui/time.tsx';

/** What a verdict says in two words, and how bad it is. */
const VERDICTS: Readonly<Record<string, readonly [string, Phase]>> = {
  BUG: ['The data contradict themselves', 'blocked'],
  ENDED: ['Ended', 'complete'],
  TASK_CANCELLED: ['Cancelled', 'cancelled'],
  RUNNING: ['Running', 'running'],
  WORKER_SILENT: ['Its worker is silent', 'backoff'],
  PARENT_BLOCKED: ['A step before it is blocked', 'blocked'],
  WAITS_FOR_PARENTS: ['Waits for steps before it', 'waiting'],
  BACKOFF: ['Waits for its next attempt', 'backoff'],
  NO_SCHEDULER: ['No scheduler is alive', 'blocked'],
  BLOCKED: ['Blocked', 'blocked'],
  PAUSED: ['Paused', 'backoff'],
  NO_WORKER_ON_QUEUE: ['No worker serves its queue', 'blocked'],
  NO_HANDLER: ['No worker can run this version', 'blocked'],
  QUARANTINED: ['In quarantine', 'backoff'],
  FLEET_SCALING: ['Workers are joining', 'ready'],
  ALL_SLOTS_BUSY: ['All slots are busy', 'ready'],
  BEHIND: ['Others come first', 'ready'],
  DATABASE_BEHIND: ['The database holds claims up', 'backoff'],
  ABOUT_TO_START: ['About to start', 'ready'],
};

const ICONS: Readonly<Record<Explanation['who_acts'], IconName>> = {
  nobody: 'check',
  engine: 'reload',
  operator: 'person',
  platform: 'workers',
};

/** Why a task is where it is, as soon as that is known. */
export function TaskVerdict({ taskId, state }: { taskId: string; state: TaskState }) {
  const { data, problem } = useQuery<Explanation>(`/v1/tasks/${taskId}/explain`, {
    topic: `task:${taskId}`,
    everySeconds: 3,
  });
  if (data !== undefined) return <Verdict data={data} taskId={taskId} />;
  if (problem === undefined) {
    // About as high as what will come: of a task in error that is more.
    return <div class={`verdict bone-line${state === 'error' ? ' tall' : ''}`} aria-hidden="true" />;
  }
  return (
    <p class="stale" role="status">
      <Icon name="failures" size={14} /> Why it is where it is could not be read: {problem.message}
    </p>
  );
}

/** Why it is where it is: one line, and behind it every reason with its numbers and what helps. */
export function Verdict({ data, taskId, step }: { data: Explanation; taskId: string; step?: string }) {
  const { verdict, summary, because, until, who_acts: who, actor, next_actions: actions, others = [] } = data;
  const [title, phase] = VERDICTS[verdict] ?? [verdict, 'waiting'];
  const [first, ...more] = because;
  const further = step === undefined ? actions.slice(1) : actions;
  const hasMore = more.length + others.length + further.length > 0;
  return (
    <section class={`verdict phase-${phase}`} aria-label="Why it is where it is">
      <PhaseIcon phase={phase} size={18} />
      <div class="verdict-text">
        <p>
          <strong>
            {title}
            {step !== undefined || data.step === null ? null : (
              <>
                {': '}
                <a href={`tasks/${taskId}?step=${encodeURIComponent(data.step)}`}>{data.step}</a>
              </>
            )}
          </strong>{' '}
          – {summary}
          {until === null ? null : (
            <span class="soft">
              {' '}
              Over <Ago at={until} future />.
            </span>
          )}
        </p>
        {first === undefined ? null : (
          <p class="verdict-because">
            <Text reason={first} taskId={taskId} shown={data.step} />
          </p>
        )}
        <p class="verdict-side small">
          <span class="who">
            <Icon name={ICONS[who]} size={14} /> Who acts: {actor}
          </span>
          {(step === undefined ? actions.slice(0, 1) : []).map(({ text, command }) => (
            <span key={text + command} class="next-action">
              {text}
              {command === null ? null : (
                <>
                  {' '}
                  <code>{command}</code> <Copy text={command} label="Copy the command" />
                </>
              )}
            </span>
          ))}
        </p>
        {hasMore ? (
          <details class="small">
            <summary>More reasons, and what helps</summary>
            <ul class="reasons">
              {more.map((reason) => (
                <li key={reason.text}>
                  <Text reason={reason} taskId={taskId} shown={data.step} />
                </li>
              ))}
              {further.map(({ text, command }) => (
                <li key={text}>
                  {text}
                  {command === null ? null : (
                    <>
                      {' '}
                      <code>{command}</code> <Copy text={command} label="Copy the command" />
                    </>
                  )}
                </li>
              ))}
              {others.map(({ step: name, verdict: other, steps }) => (
                <li key={name}>
                  {steps === 1 ? name : `${steps} steps such as ${name}`}: {VERDICTS[other]?.[0] ?? other}
                </li>
              ))}
            </ul>
          </details>
        ) : null}
      </div>
    </section>
  );
}

/** A reason with what it is about as links. */
function Text({ reason: { text, links }, taskId, shown }: { reason: Reason; taskId: string; shown: string | null }) {
  const { task_id: other, step, fingerprint } = links;
  return (
    <span class="break">
      {' '}
      {text}
      {/[.!?]$/.test(text) ? '' : '.'}
      {step === undefined || (step === shown && other === undefined) || other === taskId ? null : (
        <>
          {' '}
          <a href={`tasks/${other ?? taskId}?step=${encodeURIComponent(step)}`}>{step}</a>
        </>
      )}
      {fingerprint === undefined ? null : (
        <>
          {' '}
          <a href={`tasks?q=${encodeURIComponent(`fingerprint:${fingerprint}`)}`}>Tasks with the same cause</a>
        </>
      )}
    </span>
  );
}
