import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { reloadAll, useQuery } from '../../api/query.ts';
import { newKey, type Problem, request } from '../../api/request.ts';
import type { Coverage, PutSchedule, Schedule } from '../../api/types.ts';
import { formatCount, plural } from '../../format.ts';
import { Dialog, DialogFoot } from '../../ui/dialog.tsx';
import { isReasonGood, ReasonField } from '../../ui/reason-field.tsx';
import { ProblemBox } from '../../ui/states.tsx';
import { toast } from '../../ui/toasts.tsx';
import { cronWords } from './cron-words.ts';
import { inZone } from './in-zone.ts';
import { type Draft, draftOf, inputProblem, requestText } from './schedule-draft.ts';

/** What is typed is sent when nothing more was typed for this time. */
const SETTLED_MS = 400;

/** Makes a schedule, or changes one as it was read: what it would do is asked for before anybody saves. */
export function ScheduleForm({ schedule, close }: { schedule: Schedule | undefined; close: () => void }) {
  const [draft, setDraft] = useState(() => draftOf(schedule));
  const [reason, setReason] = useState('');
  const [preview, setPreview] = useState<PutSchedule>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const coverage = useQuery<{ items: Coverage[] }>('/v1/coverage', { everySeconds: 0 });
  const set = (change: Partial<Draft>): void => setDraft({ ...draft, ...change });
  const body = requestText(draft, schedule, reason);
  // Pressed twice it is done once; with another draft it is another request.
  const key = useMemo(newKey, [body]);
  const name = schedule?.key ?? draft.key.trim();
  const broken = inputProblem(draft.input);
  const isComplete = name !== '' && draft.cron.trim() !== '' && draft.workflow !== '' && broken === undefined;
  const send = async (json: string, dryRun: boolean): Promise<PutSchedule | undefined> => {
    const { body: answer } = await request<PutSchedule>(`/v1/schedules/${encodeURIComponent(name)}`, {
      method: 'PUT',
      json: dryRun ? `{"dry_run":true,${json.slice(1)}` : json,
      // A new one replaces none; one that is changed is as it was read.
      ...(schedule === undefined ? { etag: '*' } : { ifMatch: schedule.etag }),
      ...(dryRun ? {} : { key }),
    });
    return answer;
  };
  useEffect(() => {
    let gone = false;
    setPreview(undefined);
    setProblem(undefined);
    if (!isComplete) return undefined;
    const timer = setTimeout(() => {
      send(body, true).then(
        (found) => !gone && setPreview(found),
        (error: Problem) => !gone && setProblem(error),
      );
    }, SETTLED_MS);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [body, name, isComplete]);
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      const done = await send(body, false);
      toast(`Schedule ${name} is ${done?.outcome ?? 'saved'}`, 'good');
      reloadAll();
      close();
    } catch (error) {
      setProblem(error as Problem);
      setBusy(false);
    }
  };
  const at = (pointer: string): string | undefined => problemAt(problem, pointer);
  const shown = new Set(['/cron', '/timezone', '/workflow', '/input', '/make_up_window_seconds', '/priority', '/key']);
  const isAtField = problem?.errors.some(({ pointer }) => shown.has(`/${pointer.split('/')[1]}`)) === true;
  const isTaken = schedule === undefined && problem?.code === 'PRECONDITION_FAILED';
  const words = cronWords(draft.cron.trim());
  return (
    <Dialog title={schedule === undefined ? 'A new schedule' : `Change ${schedule.key}`} close={close} kind="wide">
      <form class="act-form" onSubmit={(event) => void save(event)}>
        {schedule?.source === 'code' ? <OfCode draft={draft} set={set} /> : null}
        {schedule === undefined ? (
          <Field
            id="key"
            label="Name"
            problem={isTaken ? 'There is a schedule of this name already.' : at('/key')}
            hint="letters, digits, . / _ -; tasks of it have it as their initiator"
          >
            <input id="key" required maxLength={128} value={draft.key} onInput={typed((text) => set({ key: text }))} />
          </Field>
        ) : null}
        <div class="fields">
          <Field
            id="cron"
            label="When"
            problem={at('/cron')}
            hint={words ?? 'minute, hour, day, month, weekday; or @daily'}
          >
            <input
              id="cron"
              class="mono"
              required
              spellcheck={false}
              placeholder="30 2 * * *"
              value={draft.cron}
              onInput={typed((text) => set({ cron: text }))}
            />
          </Field>
          <Field id="zone" label="Time zone" problem={at('/timezone')} hint="its clocks decide, also when they change">
            <input
              id="zone"
              required
              list="zones"
              spellcheck={false}
              value={draft.timezone}
              onInput={typed((text) => set({ timezone: text }))}
            />
          </Field>
          <datalist id="zones">
            {['UTC', ...Intl.supportedValuesOf('timeZone')].map((zone) => (
              <option key={zone} value={zone} />
            ))}
          </datalist>
        </div>
        <Which
          draft={draft}
          set={set}
          coverage={coverage.data?.items ?? []}
          problem={at('/workflow') ?? at('/version')}
        />
        <Field
          id="input"
          label="Input"
          problem={broken ?? at('/input')}
          hint={
            schedule === undefined
              ? 'of each task; JSON that the schema of the workflow accepts'
              : 'of each task; left empty, it stays as it is stored'
          }
        >
          {schedule === undefined || schedule.input === null || draft.input !== '' ? null : (
            <StoredInput text={JSON.stringify(schedule.input, null, 2)} edit={(text) => set({ input: text })} />
          )}
          <textarea
            id="input"
            rows={schedule === undefined || draft.input !== '' ? 6 : 2}
            spellcheck={false}
            value={draft.input}
            aria-invalid={broken !== undefined || at('/input') !== undefined}
            onInput={typed((text) => set({ input: text }))}
          />
        </Field>
        <Missed draft={draft} set={set} problem={at('/make_up_window_seconds')} />
        <OfEachTask draft={draft} set={set} problem={at('/priority') ?? at('/tags')} />
        <label class="check-field">
          <input
            type="checkbox"
            checked={draft.paused}
            onChange={(event) => set({ paused: event.currentTarget.checked })}
          />
          Paused: it submits nothing
        </label>
        <ReasonField reason={reason} setReason={setReason} />
        {problem !== undefined ? (
          isAtField || isTaken ? null : (
            <ProblemBox problem={problem} />
          )
        ) : (
          <p class="muted small" role="status">
            {!isComplete ? (
              ''
            ) : preview === undefined ? (
              'Checking what it would do …'
            ) : (
              <Preview put={preview} zone={draft.timezone} />
            )}
          </p>
        )}
        <DialogFoot
          close={close}
          disabled={busy || preview === undefined || preview.outcome === 'unchanged' || !isReasonGood(reason)}
        >
          {schedule === undefined ? 'Make the schedule' : 'Save'}
        </DialogFoot>
      </form>
    </Dialog>
  );
}

const MOST_PROBLEMS = 5;

/** What the API says of a field, and of what is inside of it. */
function problemAt(problem: Problem | undefined, pointer: string): string | undefined {
  const found = (problem?.errors ?? []).filter(
    (each) => each.pointer === pointer || each.pointer.startsWith(`${pointer}/`),
  );
  if (found.length === 0) return undefined;
  const texts = found.slice(0, MOST_PROBLEMS).map((each) => {
    const place = each.pointer.slice(pointer.length + 1);
    return place === '' ? each.detail : `${place}: ${each.detail}`;
  });
  return `${texts.join('\n')}${found.length > MOST_PROBLEMS ? `\nand ${formatCount(found.length - MOST_PROBLEMS)} more` : ''}`;
}

interface Part {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
}

const typed =
  (take: (text: string) => void) =>
  (event: { currentTarget: { value: string } }): void =>
    take(event.currentTarget.value);

function Field({
  id,
  label,
  hint,
  problem,
  children,
}: {
  id: string;
  label: string;
  hint?: string;
  problem?: string | undefined;
  children: ComponentChildren;
}) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      <span
        class={problem === undefined ? 'muted small' : 'field-problem break lines'}
        role={problem === undefined ? undefined : 'alert'}
      >
        {problem ?? hint}
      </span>
    </div>
  );
}

const MOST_SHOWN = 2000;

function StoredInput({ text, edit }: { text: string; edit: (text: string) => void }) {
  return (
    <div class="stored-input">
      <pre class="small" tabIndex={0}>
        {text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text}
      </pre>
      <button type="button" class="button small" onClick={() => edit(text)}>
        Edit it
      </button>
    </div>
  );
}

/** Whoever changes it here decides against the code: that is not done by the way. */
function OfCode({ draft, set }: Part) {
  return (
    <div class="notice">
      <p>
        It is written in the code of its workflow, where it should be changed: the next deployment applies it. Only its
        pause belongs to operators.
      </p>
      <label class="check-field">
        <input
          type="checkbox"
          checked={draft.takeOver}
          onChange={(event) => set({ takeOver: event.currentTarget.checked })}
        />
        Take it over: from then on deployments leave it alone
      </label>
    </div>
  );
}

function Which({
  draft,
  set,
  coverage,
  problem,
}: Part & { coverage: readonly Coverage[]; problem: string | undefined }) {
  const names = [
    ...new Set([draft.workflow, ...coverage.map(({ namespace, workflow }) => `${namespace}/${workflow}`)]),
  ];
  const versions = coverage
    .filter(({ namespace, workflow }) => `${namespace}/${workflow}` === draft.workflow)
    .map(({ version }) => version);
  const pinned = [...new Set([...(draft.version.startsWith('=') ? [draft.version.slice(1)] : []), ...versions])];
  return (
    <div class="fields">
      <Field id="workflow" label="Workflow" problem={problem}>
        <select
          id="workflow"
          required
          value={draft.workflow}
          onChange={typed((text) => set({ workflow: text, version: '' }))}
        >
          {names.map((name) => (
            <option key={name} value={name}>
              {name === '' ? 'choose one' : name}
            </option>
          ))}
        </select>
      </Field>
      <Field id="version" label="Version">
        <select id="version" value={draft.version} onChange={typed((text) => set({ version: text }))}>
          <option value="">the newest that a worker serves</option>
          {draft.version.startsWith('>') ? (
            <option value={draft.version}>the newest served, {draft.version.slice(1)} or later</option>
          ) : null}
          {pinned.map((version) => (
            <option key={version} value={`=${version}`}>
              always {version}
            </option>
          ))}
        </select>
      </Field>
    </div>
  );
}

function Missed({ draft, set, problem }: Part & { problem: string | undefined }) {
  return (
    <div class="fields">
      <Field id="overlap" label="While the last one runs">
        <select
          id="overlap"
          value={draft.overlap}
          onChange={typed((text) => set({ overlap: text as Draft['overlap'] }))}
        >
          <option value="allow">run beside it</option>
          <option value="skip">skip</option>
        </select>
      </Field>
      <Field id="make-up" label="What was missed">
        <select id="make-up" value={draft.makeUp} onChange={typed((text) => set({ makeUp: text as Draft['makeUp'] }))}>
          <option value="all">is made up for, all of it</option>
          <option value="last">only the last one is</option>
          <option value="skip">is left out</option>
        </select>
      </Field>
      {draft.makeUp === 'skip' ? null : (
        <Field id="window" label="Missed within, in seconds" problem={problem} hint="600 if empty, a month at most">
          <input
            id="window"
            type="number"
            min="120"
            max="2678400"
            value={draft.window}
            onInput={typed((text) => set({ window: text }))}
          />
        </Field>
      )}
    </div>
  );
}

function OfEachTask({ draft, set, problem }: Part & { problem: string | undefined }) {
  return (
    <details>
      <summary class="small">Tags, priority and reason of its tasks</summary>
      <div class="fields">
        <Field id="tags" label="Tags" hint="between commas">
          <input id="tags" value={draft.tags} onInput={typed((text) => set({ tags: text }))} />
        </Field>
        <Field id="priority" label="Priority" problem={problem} hint="lower runs sooner; empty: as defined">
          <input
            id="priority"
            type="number"
            value={draft.priority}
            onInput={typed((text) => set({ priority: text }))}
          />
        </Field>
        <Field id="task-reason" label="Reason of each task">
          <input id="task-reason" value={draft.taskReason} onInput={typed((text) => set({ taskReason: text }))} />
        </Field>
      </div>
    </details>
  );
}

function Preview({
  put: { outcome, next, changes, more_changes: more, live_schedulers: live },
  zone,
}: {
  put: PutSchedule;
  zone: string;
}) {
  const places = changes.map(({ path }) => path.slice(1).replaceAll('_', ' '));
  return (
    <>
      {outcome === 'unchanged'
        ? 'Dry run: it is so already.'
        : outcome === 'created'
          ? 'Dry run: it would be made.'
          : `Dry run: ${places.slice(0, 6).join(', ')}${places.length > 6 ? ` and ${formatCount(places.length - 6 + more)} more` : ''} would change.`}{' '}
      {next === null ? 'It would submit nothing.' : `Next: ${inZone(next, zone)} ${zone}.`}
      {live === 0 ? ` ${plural(0, 'scheduler')} alive: nothing is submitted until one is.` : ''}
    </>
  );
}
