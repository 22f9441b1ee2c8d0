/**
 * Which version of its workflow a schedule runs. `latest`: the newest version that a live worker serves, but none before the one with
 * which the schedule was made, whose schema accepted the input; if no worker serves any of these, the newest. `pinned`: the one
 * with which it was made.
 */
export type VersionPolicy = 'latest' | 'pinned';
/** What happens to an occurrence while the task of the schedule's last submit is pending or in progress. */
export type Overlap = 'allow' | 'skip';
/** What happens to occurrences that were missed: all are submitted, the last one, or none. */
export type MakeUp = 'all' | 'last' | 'skip';

/** Of a make-up window. A shorter one would be no longer than what counts as on time; the longest is that of a monthly schedule. */
export const LEAST_MAKE_UP_WINDOW_SECONDS = 120;
export const MOST_MAKE_UP_WINDOW_SECONDS = 31 * 86_400;

/** A schedule of a workflow. */
export interface WorkflowSchedule<Input = unknown> {
  /** Its name: 1 to 128 letters, digits, ".", "/", "_" or "-". One of a fleet. */
  readonly key: string;
  /** Five fields, or @hourly, @daily, @weekly, @monthly, @yearly. */
  readonly cron: string;
  /** A name of the IANA database. Default UTC. */
  readonly timezone?: string;
  /** The input of each task. */
  readonly input: Input;
  readonly priority?: number;
  readonly tags?: readonly string[];
  readonly reason?: string;
  /**
   * `latest` (the default): each occurrence runs the newest version that a live worker serves, this definition's version or a later
   * one. `pinned`: always this definition's version.
   */
  readonly version?: VersionPolicy;
  /** `skip`: an occurrence is left out while the task of the one before is pending or in progress. Default `allow`. */
  readonly overlap?: Overlap;
  /**
   * What happens to occurrences that were missed, since no scheduler lived or the submit failed: `all` are submitted, oldest first
   * (the default); only the `last` of them; or they are left out (`skip`).
   */
  readonly makeUp?: MakeUp;
  /** Occurrences that were missed longer ago are left out; 120 to 2,678,400 (31 days), default 600. Not with `makeUp: 'skip'`. */
  readonly makeUpWindowSeconds?: number;
}
