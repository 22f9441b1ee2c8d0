import { z } from 'zod';
import type { Route } from '../api/route.ts';
import { ROUTES } from '../api/routes/index.ts';
import { SEARCH_TERMS, TERMS_OF_PAYLOADS } from '../reads/search/parse-search.ts';

/** A tool is a route, or the first of several whose parameters are all given. */
interface ToolSource {
  readonly name: string;
  readonly title: string;
  readonly operations: readonly [string, ...string[]];
  readonly description: string;
  /** Parameters of the route that a model has no use for. */
  readonly without?: readonly string[];
  /** The only parameters that it has, if another tool has the rest. */
  readonly only?: readonly string[];
  /** Parameters that it needs although the route does not. */
  readonly needs?: readonly string[];
  /** It goes on over pages that end before they have found enough, and says how far it came. */
  readonly searches?: true;
  /**
   * It is done by its first call: what it does is itself a preview, needs the token of one, or only ends something. Returns what is said to its
   * answer.
   */
  readonly direct?: (answer: Readonly<Record<string, unknown>>) => string;
}

export interface Tool extends ToolSource {
  readonly routes: readonly Route[];
  /** JSON Schema of the arguments. */
  readonly inputSchema: InputSchema;
  readonly writes: boolean;
}

export interface InputSchema {
  type: 'object';
  properties: Record<string, object>;
  required: string[];
  additionalProperties: false;
}

/** Few: a model that has to choose among a hundred chooses badly. */
const SOURCES: readonly ToolSource[] = [
  {
    name: 'explain',
    title: 'Why is it not running',
    operations: ['explainStep', 'explainTask'],
    description:
      'Says why a task, or one step of it, is not running or failed: one verdict, its reasons with numbers, who acts, and what helps. Ask this first when somebody asks what is wrong with a task.',
  },
  {
    name: 'list_failures',
    title: 'What fails now',
    operations: ['listFailures'],
    description:
      'Everything that is in error now, grouped by cause, the largest group first, each with a task as an example. Ask this first when somebody asks what is wrong with the fleet.',
  },
  {
    name: 'list_tasks',
    title: 'Find tasks',
    operations: ['listTasks'],
    description:
      'Tasks, the newest first, by state, workflow, tag, key, time or the fingerprint of list_failures. A page has no total; `complete: false` with a next_cursor means that there is more to read.',
    without: ['q'],
  },
  {
    name: 'search',
    title: 'Search tasks',
    operations: ['listTasks'],
    description: `Finds tasks by one line, the newest first: terms with blanks between them, of which all must hold, such as \`state:error workflow:shop/checkout tag:vip age:<7d attempts:>=3\`. Terms: ${SEARCH_TERMS.join(', ')}. ${TERMS_OF_PAYLOADS.join(' and ')} look into payloads, and are refused if those may not be read. Reads back for a few seconds and says how far it came: nothing is known of older tasks until it is called again with the cursor.`,
    only: ['q', 'count', 'limit', 'cursor'],
    needs: ['q'],
    searches: true,
  },
  {
    name: 'get_task',
    title: 'One task',
    operations: ['getTask'],
    description: 'One task with the state of each of its steps and the last error of each.',
  },
  {
    name: 'list_attempts',
    title: 'Attempts of a step',
    operations: ['listAttempts'],
    description: 'Every attempt of one step: when it ran, on which worker, and how it ended.',
  },
  {
    name: 'list_queues',
    title: 'Queues',
    operations: ['listQueues'],
    description:
      'Queues that have ready steps or are paused: how many steps are ready, how long the oldest has waited, how many workers serve it. With `all` also those that are idle.',
  },
  {
    name: 'list_workers',
    title: 'Processes of the fleet',
    operations: ['listWorkers'],
    description: 'Workers and schedulers that live: version, queues, slots in use, age of the last heartbeat.',
  },
  {
    name: 'list_workflows',
    title: 'Workflows',
    operations: ['listWorkflows'],
    description: 'The registered workflows with their versions, and whether a live worker serves each.',
  },
  {
    name: 'list_operations',
    title: 'Bulk operations',
    operations: ['listOperations'],
    description: 'Bulk operations, the newest first: what each does, how far it is, and whether it stopped by itself.',
  },
  {
    name: 'get_operation',
    title: 'One bulk operation',
    operations: ['getOperation'],
    description: 'One bulk operation with its counts by outcome.',
  },
  {
    name: 'list_operation_items',
    title: 'Tasks of a bulk operation',
    operations: ['listOperationItems'],
    description: 'What came of each task of a bulk operation, in the order in which they are acted on.',
  },
  {
    name: 'preview_operation',
    title: 'Preview a bulk operation',
    operations: ['createOperation'],
    description:
      'Chooses many tasks, by a filter or by ids, for one act (retry, cancel, resolve, rerun), freezes the set, and counts it. Changes no task. Show the counts to a person before start_operation.',
    direct: ({ operation_id: id, token }) =>
      `Nothing was done. The data is what was chosen. To act on exactly these tasks, ask a person, and then call start_operation with "operation_id": ${JSON.stringify(id)} and "token": ${JSON.stringify(token)} within an hour.`,
  },
  {
    name: 'start_operation',
    title: 'Start a bulk operation',
    operations: ['startOperation'],
    description:
      'Lets schedulers act on the tasks that preview_operation has chosen, at its pace. Needs the token of that preview, and a person who has seen its counts. get_operation says how far it is.',
    direct: ({ operation_id: id }) =>
      `It runs. get_operation says how far it is; abort_operation with "operation_id": ${JSON.stringify(id)} ends it.`,
  },
  {
    name: 'abort_operation',
    title: 'Abort a bulk operation',
    operations: ['abortOperation'],
    description: 'Ends a bulk operation for good, at once: nothing more is done, and what was done stays done.',
    direct: () => 'It has ended. What was done stays done.',
  },
  {
    name: 'retry_task',
    title: 'Retry a task',
    operations: ['retryTask'],
    description: 'Runs the steps in error of a task again, all of them or those in `steps`.',
    without: ['input'],
  },
  {
    name: 'cancel_task',
    title: 'Cancel a task',
    operations: ['cancelTask'],
    description: 'Cancels a task: what runs is aborted, nothing more of it starts, and it can not be continued.',
  },
  {
    name: 'resolve_step',
    title: 'Resolve a step',
    operations: ['resolveStep'],
    description: 'Declares a step in error as done, with a result that the steps behind it receive.',
  },
  {
    name: 'rerun_task',
    title: 'Rerun a task',
    operations: ['rerunTask'],
    description: 'Makes a new task from one that has ended or is in error. Its effects happen again.',
    without: ['input'],
  },
  {
    name: 'pause_queue',
    title: 'Pause a queue',
    operations: ['pauseQueue'],
    description: 'Starts no further step of a queue until it is resumed, or until a time.',
  },
  {
    name: 'resume_queue',
    title: 'Resume a queue',
    operations: ['resumeQueue'],
    description: 'Ends the pause of a queue.',
  },
];

/** Parts of a request by the name of their argument. A body is an object. */
export const fieldsOf = ({ params, query, body }: Route) => ({
  params: params?.shape ?? {},
  query: query?.shape ?? {},
  body: shapeOf(body),
});

function shapeOf(body: z.ZodType | undefined): Readonly<Record<string, z.ZodType>> {
  let schema: unknown = body;
  while (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) schema = schema.unwrap();
  return schema instanceof z.ZodObject ? (schema.shape as Record<string, z.ZodType>) : {};
}

const PREVIEW_TOKEN = {
  type: 'string',
  description:
    'Leave it out at first: nothing is changed then, and the answer says what would be done, with a token. The same call with that token does it. Ask a person before the second call.',
};

/** Of a value after it was read, or, if that has no type, as it is given. */
function jsonSchemaOf(field: z.ZodType): object {
  const schemas = (['output', 'input'] as const).map((io) => z.toJSONSchema(field, { io, unrepresentable: 'any' }));
  const { $schema: _draft, ...schema } =
    schemas.find(({ type }) => type !== undefined) ?? (schemas[0] as object as never);
  return schema;
}

function schemaOf(
  routes: readonly Route[],
  { without = [], only, needs = [] }: ToolSource,
  isPreviewed: boolean,
): InputSchema {
  const properties: Record<string, object> = {};
  const required = new Map<string, number>();
  for (const route of routes) {
    const { params, query, body } = fieldsOf(route);
    for (const [name, field] of Object.entries({ ...params, ...query, ...body })) {
      // The first call of an act is the dry run.
      if (without.includes(name) || name === 'dry_run' || only?.includes(name) === false) continue;
      properties[name] = jsonSchemaOf(field as z.ZodType);
      if (needs.includes(name) || !(field as z.ZodType).safeParse(undefined).success)
        required.set(name, (required.get(name) ?? 0) + 1);
    }
  }
  if (isPreviewed) properties['preview_token'] = PREVIEW_TOKEN;
  return {
    type: 'object',
    properties,
    // What only some of the routes need is what chooses among them.
    required: [...required].filter(([, times]) => times === routes.length).map(([name]) => name),
    additionalProperties: false,
  };
}

export const TOOLS: readonly Tool[] = SOURCES.map((source) => {
  const routes = source.operations.map((operation) => {
    const route = ROUTES.find((one) => one.operation === operation);
    if (route === undefined) throw new Error(`there is no route ${operation} for the tool ${source.name}`);
    return route;
  });
  const writes = routes.some(({ method }) => method !== 'GET');
  return {
    ...source,
    routes,
    writes,
    inputSchema: schemaOf(routes, source, writes && source.direct === undefined),
  };
});
