import type { Executor } from '../db/connections/database.ts';
import { editStepInput, editTaskInput, findInputSchema } from '../db/statements/acts/edit-input.ts';
import { jsonDiff } from '../workflow/json-diff.ts';
import { type Change, sha256 } from './audit.ts';

/** An input in place of the present one: of one step in error, or of the whole task. `input`: JSON text. */
export interface InputEdit {
  step: string | undefined;
  input: string;
}

/**
 * Replaces an input under the locks of the act. Returns what the history keeps of it: both hashes and the places that differ. Undefined: the
 * step is not in error.
 */
export async function editInput(
  tx: Executor,
  taskId: string,
  { step, input }: InputEdit,
  change: Change,
): Promise<Record<string, unknown> | undefined> {
  const [edited] = await (step === undefined
    ? tx.run(editTaskInput, { task_id: taskId, input })
    : tx.run(editStepInput, { task_id: taskId, step_name: step, input }));
  if (edited === undefined) return undefined;
  const { before, after } = edited;
  change.before = before;
  change.after = after;
  return {
    of: step === undefined ? 'task' : 'step',
    before: sha256(before),
    after: sha256(after),
    ...jsonDiff(before, after),
  };
}

/** What an edited input of a task must be like. */
export interface InputRules {
  namespace: string;
  name: string;
  version: string;
  /** JSON Schema; undefined: none is stored. */
  schema: unknown;
}

/** Undefined: there is no such task. */
export async function inputRulesOf(tx: Executor, taskId: string): Promise<InputRules | undefined> {
  const [row] = await tx.run(findInputSchema, { task_id: taskId });
  if (row === undefined) return undefined;
  const { input_schema: text, ...rules } = row;
  return { ...rules, schema: text === null ? undefined : (JSON.parse(text) as unknown) };
}
