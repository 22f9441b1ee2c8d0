/** One transition of a task or of one of its steps. */
export interface HistoryEntry {
  /** Undefined: of the task itself. */
  readonly step: string | undefined;
  readonly from: string;
  readonly to: string;
  readonly cause: string;
  /** Of a transition to `error`: what the handler threw, or why the engine ended the attempt. */
  readonly error: { readonly name: string; readonly message: string } | undefined;
  /** Milliseconds since the submit; virtual ones for a run in memory. */
  readonly atMs: number;
}

export interface HistoryOf {
  readonly workflow: { readonly namespace: string; readonly name: string; readonly version: string };
  readonly state: string;
  /** In topological order. */
  readonly steps: readonly { readonly name: string; readonly state: string; readonly attempts: number }[];
  readonly history: readonly HistoryEntry[];
}

const MAX_MESSAGE = 200;

/**
 * A task's history as a text for snapshot tests: the task's transitions, then each step's in topological order. It has no ids and no
 * times, and does not depend on which of two parallel steps was faster, so it is the same for a run in memory and for a run on a
 * fleet.
 */
export function historySnapshot({ workflow, state, steps, history }: HistoryOf): string {
  const of = (step: string | undefined): string[] =>
    history.filter((entry) => entry.step === step).map((entry) => `  ${lineOf(entry)}`);
  return [
    `workflow ${workflow.namespace}/${workflow.name} ${workflow.version}: ${state}`,
    ...of(undefined),
    ...steps.flatMap(({ name, state: stepState, attempts }) => [
      `step ${name}: ${stepState}, ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`,
      ...of(name),
    ]),
    '',
  ].join('\n');
}

function lineOf({ from, to, cause, error }: HistoryEntry): string {
  return `${from} -> ${to}: ${cause}${error === undefined ? '' : ` (${error.name}: ${shortened(error.message)})`}`;
}

function shortened(message: string): string {
  const [line = ''] = message.split('\n');
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}...` : line;
}
