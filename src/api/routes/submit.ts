import { z } from 'zod';
import type { SubmitOptions } from '../../client/new-task.ts';
import { namesApart } from '../../client/workflow-reference.ts';
import { DEFAULT_NAMESPACE } from '../../workflow/build-definition.ts';
import type { Submitted } from '../../engine/submit.ts';
import { LEAST_URGENT, MOST_URGENT } from '../../workflow/priority.ts';
import { describeIssues } from '../http/describe-issue.ts';
import { Problem, problemDocument, problemOf } from '../problem.ts';
import type { Principal } from '../permissions.ts';
import { defineRoute, type RouteRequest } from '../route.ts';
import { json, name, reason, taskId } from '../schemas/common.ts';

const MOST_LINES = 1000;
const text = z.string().max(255);

export const submission = z
  .strictObject({
    namespace: name.default('default'),
    workflow: name.describe('Its name; `namespace/name@version` has the other two as well.'),
    version: name.optional().describe('Default: the newest that a live worker serves.'),
    input: json.describe('Checked against the JSON Schema of the workflow.'),
    key: z.string().min(1).max(255).optional().describe('Of workflows whose identity is `caller_key`.'),
    reuse: z.enum(['never', 'afterFailure', 'afterEnd']).optional(),
    reuse_after_seconds: z.number().int().min(0).optional(),
    priority: z.number().int().min(MOST_URGENT).max(LEAST_URGENT).optional(),
    tags: z.array(text).max(50).optional(),
    reason: reason.optional(),
    initiator: text
      .regex(/^(?!schedule:)/, 'begins with "schedule:", which is kept for what schedules submit')
      .optional()
      .describe('Default: whoever asks.'),
    source_system: text.optional(),
    bypass_steps: z.array(name).max(1000).optional(),
  })
  .meta({ id: 'Submission', description: 'A task to submit.' });

type Submission = z.output<typeof submission>;

export const submitted = z
  .object({
    outcome: z.enum(['created', 'existing']),
    task_id: taskId,
    version: z.string(),
    replaces: taskId.optional().describe('The task that had this identity before.'),
    input_differs: z.boolean().optional().describe('The existing task has another input than this submission.'),
  })
  .meta({ id: 'Submitted', description: 'What became of a submission.' });

const EXAMPLE = { workflow: 'checkout', namespace: 'shop', input: { order: 'A-1' }, key: 'A-1' };

export const submitTask = defineRoute({
  operation: 'submitTask',
  act: 'task.submit',
  method: 'POST',
  path: '/v1/tasks',
  summary: 'Submit a task',
  description:
    'By the names of its workflow, whose input is checked by the JSON Schema that a worker has registered. 201 for a new task; 200 for one that was there with the same identity.',
  permission: 'tasks:submit',
  scope: 'namespace',
  cost: 'write',
  body: submission,
  response: submitted,
  status: 201,
  example: { body: EXAMPLE, response: { outcome: 'created', task_id: '4711', version: '1.4.0' } },
  async handle(request) {
    const { client, principal, transaction } = request;
    const body = named(request.body);
    requireAllowed(principal, body);
    const one = await client.submitByName(body, body.input, { ...optionsOf(body, principal), transaction });
    return { status: one.outcome === 'created' ? 201 : 200, body: shown(one) };
  },
});

export const submitTasks = defineRoute({
  operation: 'submitTasks',
  act: 'task.submit',
  method: 'POST',
  path: '/v1/tasks:batch',
  summary: `Submit up to ${MOST_LINES} tasks`,
  description:
    'A submission on each line, and an answer on each line in the same order: what became of it, or a problem. If one of them is of a namespace that whoever asks may not see, nothing is submitted.',
  permission: 'tasks:submit',
  scope: 'namespace',
  cost: 'write',
  consumes: 'application/x-ndjson',
  produces: 'application/x-ndjson',
  body: z.array(json).min(1).max(MOST_LINES),
  response: z.array(z.union([submitted, z.looseObject({ code: z.string() })])),
  example: { body: [EXAMPLE], response: [{ outcome: 'created', task_id: '4711', version: '1.4.0' }] },
  async handle(request) {
    const read = request.body.map((line) => lineOfBatch.safeParse(line, { reportInput: true }));
    // Before anything is submitted, and whatever else is wrong with other lines.
    for (const line of read) if (line.success) requireAllowed(request.principal, line.data);
    const answers: unknown[] = read.map((line, at) =>
      line.success ? undefined : invalidLine(line.error, request.body[at], request.requestId),
    );
    for (const [reference, lines] of byWorkflow(read)) {
      const requests = lines.map(({ data }) => ({ ...optionsOf(data, request.principal), input: data.input }));
      try {
        const done = await request.client.submitManyByName(reference, requests, { transaction: request.transaction });
        for (const [index, one] of done.entries()) answers[lines[index]?.at as number] = shown(one);
      } catch (error) {
        if (request.transaction !== undefined) throw error;
        await oneByOne(request, reference, lines, answers, error);
      }
    }
    return { body: answers };
  },
});

/** One of them is not accepted: each gets its own answer. */
async function oneByOne(
  { client, principal, requestId }: RouteRequest,
  reference: Submission,
  lines: readonly { at: number; data: Submission }[],
  answers: unknown[],
  error: unknown,
): Promise<void> {
  const isTheirs = problemOf(error).status < 500;
  for (const { at, data } of lines) {
    try {
      if (!isTheirs) throw error;
      answers[at] = shown(await client.submitByName(reference, data.input, optionsOf(data, principal)));
    } catch (own) {
      answers[at] = problemDocument(problemOf(own), requestId);
    }
  }
}

function byWorkflow(
  read: readonly z.ZodSafeParseResult<Submission>[],
): Iterable<[Submission, { at: number; data: Submission }[]]> {
  const groups = new Map<string, [Submission, { at: number; data: Submission }[]]>();
  for (const [at, line] of read.entries()) {
    if (!line.success) continue;
    const id = JSON.stringify([line.data.namespace, line.data.workflow, line.data.version]);
    const group = groups.get(id) ?? [line.data, []];
    group[1].push({ at, data: line.data });
    groups.set(id, group);
  }
  return groups.values();
}

function invalidLine({ issues }: z.ZodError, line: unknown, requestId: string): object {
  if (line instanceof Problem) return problemDocument(line, requestId);
  const errors = describeIssues(issues, { kind: 'body', schema: submission, given: line });
  const [first] = errors;
  const what = `the line is no submission: ${first?.pointer} ${first?.detail}`;
  return problemDocument(new Problem('INPUT_INVALID', what, { errors }), requestId);
}

/** Its names apart, also if `workflow` has them all (`shop/checkout@1.2.0`). Throws InvalidInputError. */
export function named<Body extends { namespace: string; workflow: string; version?: string | undefined }>(
  body: Body,
): Body {
  const { namespace, ...rest } = body;
  // Which may be there because none was given.
  return { namespace, ...namesApart(namespace === DEFAULT_NAMESPACE ? rest : body) } as Body;
}

/** A problem with the names of one line says nothing of the others. */
const lineOfBatch = submission.transform((body, context) => {
  try {
    return named(body);
  } catch (error) {
    context.addIssue({ code: 'custom', path: ['workflow'], message: (error as Error).message });
    return z.NEVER;
  }
});

/** As for a workflow that does not exist, so that nobody learns that it exists. */
function requireAllowed({ namespaces }: Principal, { namespace, workflow }: Submission): void {
  if (namespaces === undefined || namespaces.includes(namespace)) return;
  throw new Problem(
    'WORKFLOW_UNKNOWN',
    `workflow ${namespace}/${workflow} is not registered in this database: start a worker that has it`,
  );
}

/** By default the history says who submitted. */
function optionsOf(body: Submission, principal: Principal): SubmitOptions {
  const options = {
    key: body.key,
    reuse: body.reuse,
    reuseAfterSeconds: body.reuse_after_seconds,
    priority: body.priority,
    tags: body.tags,
    reason: body.reason,
    initiator: body.initiator ?? principal.name,
    sourceSystem: body.source_system,
    bypassSteps: body.bypass_steps,
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function shown({ taskId: task_id, ...one }: Submitted & { version: string }): object {
  const { outcome, version } = one;
  return {
    outcome,
    task_id,
    version,
    ...('replaces' in one && one.replaces !== undefined ? { replaces: one.replaces } : {}),
    ...('inputDiffers' in one ? { input_differs: one.inputDiffers } : {}),
  };
}
