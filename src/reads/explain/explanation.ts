import type { State } from '../../workflow/states.ts';
import type { Verdict, WhoActs } from './verdicts.ts';

/** What a reason is about: keys of other reads. */
export interface Links {
  readonly task_id?: string;
  readonly step?: string;
  readonly worker_id?: string;
  readonly queue?: string;
  /** `namespace/name@version`. */
  readonly workflow?: string;
  readonly fingerprint?: string;
}

/** One fact that leads to the verdict. */
export interface Reason {
  /** For people. */
  readonly text: string;
  /** What the text says in numbers, by stable names; times in seconds by the database clock. */
  readonly numbers: Readonly<Record<string, number | string | boolean | null>>;
  readonly links: Links;
}

/** Something that would help. */
export interface NextAction {
  readonly text: string;
  /** For a terminal; null: nothing of this package does it. */
  readonly command: string | null;
}

/** What one step waits for. */
export interface StepVerdict {
  readonly step: string;
  readonly state: State;
  readonly verdict: Verdict;
  /** The most important first. */
  readonly because: readonly Reason[];
  /** When it is over by itself, as far as that is known. */
  readonly until: Date | null;
  readonly who_acts: WhoActs;
  readonly next_actions: readonly NextAction[];
}

/** What the parts of this folder return: who acts is that of the verdict, unless the case is another. */
export interface Conclusion {
  readonly verdict: Verdict;
  readonly because: readonly Reason[];
  readonly until?: Date | null;
  readonly who?: WhoActs;
  readonly next?: readonly NextAction[];
}

/** Open steps of a task with one verdict, besides the one that is explained. */
export interface OtherSteps {
  readonly step: string;
  readonly verdict: Verdict;
  /** How many: `step` is one of them. */
  readonly steps: number;
}

/** Why a task or a step is where it is. */
export interface Explanation {
  readonly task_id: string;
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  readonly state: State;
  /** The step that the verdict is about; null: the task as a whole. */
  readonly step: string | null;
  readonly step_state: State | null;
  readonly verdict: Verdict;
  /** What the verdict means, in a sentence. */
  readonly summary: string;
  readonly because: readonly Reason[];
  readonly until: Date | null;
  readonly who_acts: WhoActs;
  /** The same in words: "whoever runs the workers". */
  readonly actor: string;
  readonly next_actions: readonly NextAction[];
  /** Of a task: what else is open in it, the most urgent first; at most 20. */
  readonly others: readonly OtherSteps[];
  /** When it was read: all of it is of this moment. */
  readonly as_of: Date;
}

/** A reason; a number that is undefined is left out. */
export const reason = (
  text: string,
  numbers: Readonly<Record<string, number | string | boolean | null | undefined>> = {},
  links: Links = {},
): Reason => ({
  text,
  numbers: Object.fromEntries(
    Object.entries(numbers).filter(
      (entry): entry is [string, number | string | boolean | null] => entry[1] !== undefined,
    ),
  ),
  links,
});

export const action = (text: string, command: string | null = null): NextAction => ({ text, command });
