import type { Act } from '../../ui/act-dialog.tsx';
import { indented } from '../../ui/json-text.ts';
import { request } from '../../api/request.ts';
import { navigate } from '../../router.ts';
import type { IconName } from '../../ui/icons.tsx';

export interface ActEntry {
  readonly label: string;
  readonly icon: IconName;
  readonly danger?: boolean;
  /** May read what is to be edited first. Throws Problem. */
  readonly make: () => Promise<Act>;
}

const MAX_EDITED = 1_000_000;

async function documentOf(path: string): Promise<string> {
  const { body = 'null' } = await request<string>(path, { asText: true });
  if (body.length > MAX_EDITED) throw new Error('It is too long to be edited here: use `tasker retry --input @file`');
  return indented(body);
}

/** What can be done with a task, in the order in which it is wanted. `allowed`: by the API's word. */
export function actsOfTask(id: string, allowed: readonly string[], failed: readonly string[]): ActEntry[] {
  const at = `/v1/tasks/${id}`;
  const all: Readonly<Record<string, ActEntry>> = {
    retry: {
      label: 'Retry',
      icon: 'retry',
      make: async () => ({
        title: `Retry task ${id}`,
        verb: 'Retry',
        path: `${at}:retry`,
        text: `Its steps in error run again at once${failed.length === 0 ? '' : `: ${failed.slice(0, 5).join(', ')}${failed.length > 5 ? ' and more' : ''}`}.`,
      }),
    },
    edit: {
      label: 'Edit and retry',
      icon: 'edit',
      make: async () => ({
        title: `Retry task ${id} with another input`,
        verb: 'Retry with this input',
        path: `${at}:retry`,
        text: 'What is not done yet runs with it. It is checked against the schema of the workflow; the history keeps who, why, and both hashes.',
        edit: { member: 'input', label: 'Input', text: await documentOf(`${at}/payloads/input`) },
      }),
    },
    rerun: {
      label: 'Run again',
      icon: 'rerun',
      make: async () => ({
        title: `Run task ${id} again`,
        verb: 'Run again',
        path: `${at}:rerun`,
        text: 'A new task with the same workflow and input. Its effects happen again: it has idempotency keys of its own.',
        done: (answer) => typeof answer['task_id'] === 'string' && navigate(`tasks/${answer['task_id']}`),
      }),
    },
    resolve: {
      label: 'Resolve',
      icon: 'resolve',
      make: async () => ({
        title: `Declare task ${id} done`,
        verb: 'Declare it done',
        path: `${at}:resolve`,
        text: 'Somebody has done by hand what it should do. Its open steps are cancelled.',
      }),
    },
    cancel: {
      label: 'Cancel',
      icon: 'cancel',
      danger: true,
      make: async () => ({
        title: `Cancel task ${id}`,
        verb: 'Cancel the task',
        path: `${at}:cancel`,
        danger: true,
        text: 'What runs is aborted, what waits is cancelled. What is done stays done.',
      }),
    },
  };
  return Object.keys(all)
    .filter((name) => allowed.includes(name))
    .map((name) => all[name] as ActEntry);
}

export function actsOfStep(id: string, step: string, allowed: readonly string[], hasOwnInputs: boolean): ActEntry[] {
  const at = `/v1/tasks/${id}/steps/${encodeURIComponent(step)}`;
  const inputs = hasOwnInputs
    ? `/v1/tasks/${id}/payloads/${encodeURIComponent(step)}.inputs`
    : `/v1/tasks/${id}/payloads/input`;
  const all: Readonly<Record<string, ActEntry>> = {
    retry: {
      label: 'Retry',
      icon: 'retry',
      make: async () => ({
        title: `Retry ${step}`,
        verb: 'Retry',
        path: `${at}:retry`,
        text: 'It runs again at once; its children follow when it is done.',
      }),
    },
    edit: {
      label: 'Edit and retry',
      icon: 'edit',
      make: async () => ({
        title: `Retry ${step} with an input of its own`,
        verb: 'Retry with this input',
        path: `${at}:retry`,
        text: 'This step alone has it; its children see the input of the task. It is checked against the schema of the workflow.',
        edit: { member: 'input', label: `Input of ${step}`, text: await documentOf(inputs) },
      }),
    },
    resolve: {
      label: 'Resolve',
      icon: 'resolve',
      make: async () => ({
        title: `Declare ${step} done`,
        verb: 'Declare it done',
        path: `${at}:resolve`,
        text: 'Its children see this as its result, and go on.',
        edit: { member: 'result', label: 'Result', text: 'null' },
      }),
    },
  };
  return Object.keys(all)
    .filter((name) => allowed.includes(name))
    .map((name) => all[name] as ActEntry);
}
