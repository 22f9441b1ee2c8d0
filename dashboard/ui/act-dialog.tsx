import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { reloadAll } from '../api/query.ts';
import { newKey, type Problem, request } from '../api/request.ts';
import type { TaskState } from '../api/types.ts';
import { PHASES, phaseOfTask } from '../phase.ts';
import { Dialog, DialogFoot } from './dialog.tsx';
import { isReasonGood, ReasonField } from './reason-field.tsx';
import { ProblemBox } from './states.tsx';
import { toast } from './toasts.tsx';

export interface Act {
  readonly title: string;
  /** On the button. */
  readonly verb: string;
  /** `/v1/tasks/1:cancel`. */
  readonly path: string;
  readonly text: ComponentChildren;
  readonly danger?: boolean;
  /** Default POST. What a removal is given is in its address. */
  readonly method?: 'DELETE';
  readonly body?: Readonly<Record<string, unknown>>;
  /** Nobody has written yet what it is about: there is nothing to try out. */
  readonly unready?: boolean;
  /** JSON as text that somebody edits: it becomes a member of the body, with its numbers as they are written. */
  readonly edit?: { readonly member: string; readonly label: string; readonly text: string };
  readonly done?: (answer: Record<string, unknown>) => void;
}

/** An act with its reason. What it would do now is asked for before anybody presses: a refusal is known then. */
export function ActDialog({ act, close }: { act: Act; close: () => void }) {
  const [reason, setReason] = useState('');
  const [edited, setEdited] = useState(act.edit?.text ?? '');
  const [preview, setPreview] = useState<Record<string, unknown>>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const given = JSON.stringify(act.body);
  // Pressed twice it is done once; with another reason or input it is another request.
  const key = useMemo(newKey, [reason, edited, given]);
  const send = async (dryRun: boolean): Promise<Record<string, unknown> | undefined> => {
    const body = {
      ...act.body,
      ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
      ...(dryRun ? { dry_run: true } : {}),
    };
    const isRemoval = act.method === 'DELETE';
    const path = isRemoval ? `${act.path}?${new URLSearchParams(textsOf(body)).toString()}` : act.path;
    const { body: answer } = await request<Record<string, unknown>>(path, {
      method: act.method ?? 'POST',
      ...(isRemoval ? {} : { json: withMember(body, act.edit?.member, edited) }),
      ...(dryRun ? {} : { key }),
    });
    return answer;
  };
  const tryOut = async (): Promise<void> => {
    setPreview(undefined);
    setProblem(undefined);
    if (act.unready === true || (act.edit !== undefined && !isJson(edited))) return;
    await send(true).then(setPreview, setProblem);
  };
  useEffect(() => {
    const timer = setTimeout(() => void tryOut(), act.edit === undefined ? 0 : 400);
    return () => clearTimeout(timer);
  }, [edited, given]);
  const run = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      const answer = await send(false);
      toast(`Done: ${act.title.charAt(0).toLowerCase()}${act.title.slice(1)}`, 'good');
      reloadAll();
      close();
      act.done?.(answer ?? {});
    } catch (error) {
      setProblem(error as Problem);
      setBusy(false);
    }
  };
  const isBroken = act.edit !== undefined && !isJson(edited);
  return (
    <Dialog title={act.title} close={close} kind={act.edit === undefined ? 'dialog' : 'wide'}>
      <form class="act-form" onSubmit={(event) => void run(event)}>
        <div class="soft">{act.text}</div>
        {act.edit === undefined ? null : (
          <div class="field">
            <label for="edited">{act.edit.label}</label>
            <textarea
              id="edited"
              rows={14}
              spellcheck={false}
              value={edited}
              aria-invalid={isBroken}
              onInput={(event) => setEdited(event.currentTarget.value)}
            />
            {isBroken ? <p class="field-problem">This is no JSON yet.</p> : null}
          </div>
        )}
        <ReasonField reason={reason} setReason={setReason} />
        {problem === undefined ? (
          <p class="muted small" role="status">
            {preview === undefined
              ? isBroken || act.unready === true
                ? ''
                : 'Checking what it would do …'
              : `Dry run: ${outcomeText(preview)}`}
          </p>
        ) : (
          <ProblemBox problem={problem} />
        )}
        <DialogFoot
          close={close}
          danger={act.danger === true}
          disabled={busy || isBroken || preview === undefined || !isReasonGood(reason)}
        >
          {act.verb}
        </DialogFoot>
      </form>
    </Dialog>
  );
}

const textsOf = (members: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(Object.entries(members).map(([name, value]) => [name, String(value)]));

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The text stays as it is: reading and writing it would change its numbers. */
function withMember(body: Readonly<Record<string, unknown>>, member: string | undefined, text: string): string {
  const written = JSON.stringify(body);
  if (member === undefined) return written;
  return `${written.slice(0, -1)}${written === '{}' ? '' : ','}${JSON.stringify(member)}:${text}}`;
}

function outcomeText(answer: Readonly<Record<string, unknown>>): string {
  const { outcome, steps, task_state: state } = answer;
  const parts = [String(outcome)];
  if (typeof steps === 'number') parts.push(`${steps} ${steps === 1 ? 'step' : 'steps'}`);
  if (Array.isArray(steps)) {
    const names = steps.map((step: unknown) =>
      typeof step === 'object' && step !== null ? String((step as { name?: unknown }).name) : String(step),
    );
    parts.push(
      names.length > 6 ? `${names.length} steps` : `${names.length === 1 ? 'step' : 'steps'} ${names.join(', ')}`,
    );
  }
  const stateText = typeof state === 'string' ? PHASES[phaseOfTask(state as TaskState)].label.toLowerCase() : '';
  if (stateText !== '' && stateText !== outcome) parts.push(`the task would be ${stateText}`);
  return parts.join(', ');
}
