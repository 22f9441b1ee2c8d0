/**
 * How long tasks are kept after their end, by the state in which they ended. A leaf, because settings, definitions and the engine read
 * the same texts.
 */

/** The states in which a task can have ended. A task in `error` may still be retried; it ends only for those that ask for it. */
export const KEPT_STATES = ['complete', 'resolved_manually', 'cancelled', 'error'] as const;

/** A state that a keep policy can name. */
export type KeptState = (typeof KEPT_STATES)[number];

/** `forever`, or a time such as `30d`, `12h` or `90m`. */
export type KeepTime = string;

/**
 * How long tasks are kept, from their end on, by the state in which they ended. A state that is left out follows the fleet's own default
 * (TASKER_KEEP); `resolved_manually` follows `complete`.
 */
export type KeepPolicy = { readonly [State in KeptState]?: KeepTime };

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 };
/** A hundred years: more is a mistake, or `forever`. */
const MAX_SECONDS = 100 * 31_536_000;
const TIMES = `use forever, or a number with s, m, h, d, w or y behind it, such as '30d', from 1s to 100y`;

/** Seconds; null: forever; undefined: the text is neither. */
export function keepSeconds(time: unknown): number | null | undefined {
  if (time === 'forever') return null;
  const [, number = '', unit = ''] = /^(\d{1,12})(s|m|h|d|w|y)$/.exec(typeof time === 'string' ? time : '') ?? [];
  const seconds = Number(number) * (UNIT_SECONDS[unit] ?? Number.NaN);
  return seconds >= 1 && seconds <= MAX_SECONDS ? seconds : undefined;
}

/** The problems of a policy, each a phrase that follows the name of its field (`.complete is ...`). */
export function keepProblems(policy: unknown): string[] {
  if (typeof policy !== 'object' || policy === null || Array.isArray(policy)) {
    return [` is ${shown(policy)}: it is an object by state, such as { complete: '30d', error: 'forever' }`];
  }
  return Object.entries(policy).flatMap(([state, time]) => {
    const problem =
      stateProblem(state) ?? (keepSeconds(time) === undefined ? `is ${shown(time)}: ${TIMES}` : undefined);
    return problem === undefined ? [] : [`.${state.slice(0, 64)} ${problem}`];
  });
}

function stateProblem(state: string): string | undefined {
  if ((KEPT_STATES as readonly string[]).includes(state)) return undefined;
  return `is no state in which a task ends: use ${KEPT_STATES.join(', ')}`;
}

/** TASKER_KEEP, read: the default of every workflow, and what it says of single ones (`shop/orders`), which counts more than their code. */
export interface KeepSetting {
  readonly defaults: KeepPolicy;
  readonly workflows: ReadonlyMap<string, KeepPolicy>;
}

/** Reads `complete=30d,cancelled=7d,shop/orders:complete=90d`; `problems`: what is wrong with it, in full sentences. */
export function readKeepSetting(text: string): KeepSetting & { problems: string[] } {
  const defaults: Record<string, string> = {};
  const workflows = new Map<string, Record<string, string>>();
  const problems: string[] = [];
  for (const entry of text.split(',').map((part) => part.trim())) {
    if (entry === '') continue;
    const [, workflow, state, time] = /^(?:([^:=\s]+\/[^:=\s]+)\s*:\s*)?([^:=\s]+)\s*=\s*(\S+)$/.exec(entry) ?? [];
    if (state === undefined) {
      problems.push(`${shown(entry)} is not of the form complete=30d or shop/orders:complete=30d`);
      continue;
    }
    const problem =
      stateProblem(state) ?? (keepSeconds(time) === undefined ? `is ${shown(time)}: ${TIMES}` : undefined);
    if (problem !== undefined) {
      problems.push(`in ${shown(entry)}, ${state.slice(0, 64)} ${problem}`);
      continue;
    }
    const policy = workflow === undefined ? defaults : (workflows.get(workflow) ?? {});
    if (workflow !== undefined) workflows.set(workflow, policy);
    if (Object.hasOwn(policy, state)) problems.push(`${shown(entry)} is the second time for the same tasks`);
    policy[state] = time as string;
  }
  return { defaults, workflows, problems };
}

/** What a policy says of a state; undefined: nothing. */
export function keepOf(policy: KeepPolicy | undefined, state: KeptState): KeepTime | undefined {
  return policy?.[state] ?? (state === 'resolved_manually' ? policy?.complete : undefined);
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
