/**
 * Every attribute that a span of this package can have: the only place that knows their names. Those of messaging follow the semantic
 * conventions of OpenTelemetry, which are not stable yet; the others are of this package.
 */
export const ATTRIBUTES = {
  system: 'messaging.system',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  /** The queue. */
  destination: 'messaging.destination.name',
  /** The id of the step. */
  messageId: 'messaging.message.id',
  /** How many tasks were submitted, or steps were claimed, at once. */
  batchCount: 'messaging.batch.message_count',
  /** The code of the error, or its name, or a word of this package. Never its message, which may repeat an input. */
  errorType: 'error.type',
  /** Who acts, as the caller gave it. */
  by: 'enduser.id',
  act: 'tasker.act',
  namespace: 'tasker.namespace',
  workflow: 'tasker.workflow',
  version: 'tasker.version',
  taskId: 'tasker.task.id',
  state: 'tasker.task.state',
  /** The task's page of the dashboard. */
  url: 'tasker.url',
  step: 'tasker.step.name',
  attempt: 'tasker.attempt',
  claimId: 'tasker.claim.id',
  workerId: 'tasker.worker.id',
  /** The name of the worker in the list of workers: host and process, or what is configured. */
  workerName: 'tasker.worker.name',
  /** Why the attempt ended: the cause of the transition. */
  cause: 'tasker.cause',
  /** What became of a submit or of an act. */
  outcome: 'tasker.outcome',
} as const;

type Given = { readonly [Name in keyof typeof ATTRIBUTES]?: string | number | boolean | null | undefined };

/** These attributes under their names, without those that are absent. */
export function attributes(given: Given): Record<string, string | number | boolean> {
  const named: Record<string, string | number | boolean> = { [ATTRIBUTES.system]: 'tasker' };
  for (const [name, value] of Object.entries(given) as [keyof typeof ATTRIBUTES, Given[keyof Given]][])
    if (value !== undefined && value !== null) named[ATTRIBUTES[name]] = value;
  return named;
}

/** What every span of an attempt says of it. */
export interface AttemptFacts {
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  readonly step: string;
  readonly queue: string;
  readonly taskId: string;
  readonly stepId: string;
  readonly attempt: number;
  readonly claimId: string;
  readonly workerId: string | undefined;
}

/** The attributes of the span of an attempt, and others of the same span. */
export function attemptAttributes(facts: AttemptFacts, more: Given = {}): Record<string, string | number | boolean> {
  const { namespace, workflow, version, step, queue, taskId, stepId, attempt, claimId, workerId } = facts;
  return attributes({
    operationName: 'process',
    operationType: 'process',
    destination: queue,
    messageId: stepId,
    namespace,
    workflow,
    version,
    taskId,
    step,
    attempt,
    claimId,
    workerId,
    ...more,
  });
}
