import type { State } from '../workflow/states.ts';

/** Which tasks a list has: those for which everything that is given holds. */
export interface TaskFilter {
  /** Tasks in one of these states. Default: all. */
  states?: readonly State[] | undefined;
  namespace?: string | undefined;
  /** Tasks of one of these namespaces: for a reader who may see no others. */
  namespaces?: readonly string[] | undefined;
  workflow?: string | undefined;
  version?: string | undefined;
  /** The key that a submit gave (identity `caller_key`): every task of this identity. Needs `workflow`. */
  key?: string | undefined;
  /** Tasks that have all of these tags. */
  tags?: readonly string[] | undefined;
  initiator?: string | undefined;
  /** Tasks that reruns have made of the task of this id; not those that were made of these. */
  rerunOf?: string | undefined;
  /** Only tasks that the schedule of this key submitted. */
  schedule?: string | undefined;
  /**
   * Tasks that fail now: a step of theirs is blocked or waits for a retry, and the name, code or message of its error contains this text,
   * in capitals or not.
   */
  error?: string | undefined;
  /** Tasks that fail now with this cause: the fingerprint of a group of `client.failures`. */
  fingerprint?: string | undefined;
  /** Tasks that have a step in this queue that is not done. */
  queue?: string | undefined;
  sourceSystem?: string | undefined;
  /** Tasks whose input contains, for each of these lists, one of its JSON texts, as `@>` of PostgreSQL has it: `[['{"order":1}', '{"order":"1"}']]`. */
  inputHas?: readonly (readonly string[])[] | undefined;
  /** Tasks with a step that has had at least this many attempts. */
  attemptsFrom?: number | undefined;
  /** Tasks with a step that has had at most this many attempts; with `attemptsFrom`, the same step. */
  attemptsTo?: number | undefined;
  /** Complete, cancelled or resolved at this time or later. */
  endedSince?: Date | undefined;
  /** Complete, cancelled or resolved earlier than this time. */
  endedBefore?: Date | undefined;
  /** Requested at this time or later. */
  requestedSince?: Date | undefined;
  /** Requested earlier than this time. */
  requestedBefore?: Date | undefined;
}

export const FILTER_NAMES = [
  'states',
  'namespace',
  'namespaces',
  'workflow',
  'version',
  'key',
  'tags',
  'initiator',
  'rerunOf',
  'schedule',
  'error',
  'fingerprint',
  'queue',
  'sourceSystem',
  'inputHas',
  'attemptsFrom',
  'attemptsTo',
  'endedSince',
  'endedBefore',
  'requestedSince',
  'requestedBefore',
] as const satisfies readonly (keyof TaskFilter)[];

/** Whether each task that is read costs look-ups of its own. */
export const isCostly = ({ error, fingerprint, queue, attemptsFrom, attemptsTo }: TaskFilter): boolean =>
  [error, fingerprint, queue, attemptsFrom, attemptsTo].some((given) => given !== undefined);
