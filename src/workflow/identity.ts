import { randomUUID } from 'node:crypto';
import { InvalidInputError } from '../errors.ts';
import { workflowLabel } from './build-definition.ts';
import { hashJson } from './canonical-json.ts';
import type { WorkflowDefinition } from './definition.ts';
import type { Json } from './json.ts';
import { preview } from './preview.ts';

const MAX_KEY_LENGTH = 255;

/**
 * The identity of a submit, at most 128 characters: two submits with the same identity are the same task,
 * unless a reuse rule lets the second one replace the first (reuse.ts).
 *
 * | identity       | what is hashed (SHA-256 of the canonical JSON of this array)      |
 * |----------------|-------------------------------------------------------------------|
 * | `unique`       | nothing: a random UUID, every submit is a new task                |
 * | `content_hash` | ["content_hash", namespace, name, version, validated input]       |
 * | `caller_key`   | ["caller_key", namespace, name, key], so a new version of the workflow does not run an order twice |
 *
 * The input is the validated one: defaults are filled in, and the order of its keys does not matter. Initiator, reason,
 * tags, priority and the time of the request are not part of it. Throws InvalidInputError for a key that is missing, bad, or
 * given to a workflow that has another identity (where it would protect nothing).
 */
export function identityHash(
  definition: WorkflowDefinition,
  request: { input: Json; key?: string | undefined },
): string {
  const { namespace, name, version, identity } = definition;
  if (identity === 'caller_key') {
    return identityOfKey(definition, checkedKey(definition, request.key));
  }
  if (request.key !== undefined) {
    throw new InvalidInputError(
      `${workflowLabel(definition)} has the identity "${identity}", which uses no key, but the submit has the key ${preview(request.key)}: leave the key out, or define the workflow with identity: 'caller_key'`,
      { field: 'key', namespace, name, version },
    );
  }
  if (identity === 'content_hash') return hashJson(['content_hash', namespace, name, version, request.input]);
  return randomUUID();
}

/** The identity of the tasks that are submitted to a workflow under this key, whatever its version is. */
export function identityOfKey({ namespace, name }: { namespace: string; name: string }, key: string): string {
  return hashJson(['caller_key', namespace, name, key]);
}

const KEY_RULE = `a key is a text of 1 to ${MAX_KEY_LENGTH} characters without control characters, such as an order number`;

export function keyProblem(key: unknown): string | undefined {
  const isGood =
    typeof key === 'string' &&
    key.length > 0 &&
    key.length <= MAX_KEY_LENGTH &&
    key.isWellFormed() &&
    !/\p{Cc}/u.test(key);
  return isGood ? undefined : `the key is ${preview(key)}: ${KEY_RULE}`;
}

function checkedKey(definition: WorkflowDefinition, key: unknown): string {
  const problem = keyProblem(key);
  if (problem === undefined) return key as string;
  const { namespace, name, version } = definition;
  throw new InvalidInputError(
    key === undefined
      ? `${workflowLabel(definition)} needs a key (its identity is "caller_key"): ${KEY_RULE}`
      : `${workflowLabel(definition)}: ${problem}`,
    { field: 'key', namespace, name, version },
  );
}
