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
  /** Only tasks that the schedule of this key submitted. */
  schedule?: string | undefined;
  /**
   * Tasks that fail now: a step of theirs is blocked or waits for a retry, and the name, code or message of its error contains this text,
   * in capitals or not.
   */
  error?: string | undefined;
  /** Tasks that fail now with this cause: the fingerprint of a group of `client.failures`. */
  fingerprint?: string | undefined;
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
  'schedule',
  'error',
  'fingerprint',
  'requestedSince',
  'requestedBefore',
] as const satisfies readonly (keyof TaskFilter)[];
