import type { Database } from '../../db/connections/database.ts';
import type { StepContext, WorkflowDefinition } from '../../workflow/definition.ts';
import { STEP_ID_FACTOR } from '../../workflow/step-id.ts';
import type { Boundary } from './boundary.ts';

type Reached = (boundary: Boundary) => void;
/** Attempts whose handler has ended and whose outcome is not known to be committed, by step id. */
type Ended = Map<string, Boundary>;

/** The definition with handlers that report their beginning and their end. */
export function watchHandlers(definition: WorkflowDefinition, ended: Ended, reached: Reached): WorkflowDefinition {
  return {
    ...definition,
    steps: definition.steps.map((template) => ({
      ...template,
      handler: async (context: StepContext): Promise<unknown> => {
        const { attempt, taskId } = context;
        const step = template.name;
        reached({ kind: 'claimed', step, attempt });
        try {
          return await template.handler(context);
        } finally {
          const stepId = String(BigInt(taskId) * BigInt(STEP_ID_FACTOR) + BigInt(template.ordinal));
          ended.set(stepId, { kind: 'recorded', step, attempt });
          reached({ kind: 'returned', step, attempt });
        }
      },
    })),
  };
}

/** The database, reporting the first claim before it is sent, and each outcome when it is committed. */
export function watchDatabase(db: Database, ended: Ended, reached: Reached): Database {
  let claimed = false;
  const run = async (...call: Parameters<Database['run']>): Promise<unknown[]> => {
    const [{ name }, ...given] = call;
    if (!claimed && name.startsWith('claim_steps')) {
      claimed = true;
      reached({ kind: 'unclaimed' });
    }
    const rows = await db.run(...call);
    if (!/^(complete|fail)_steps/.test(name)) return rows;
    const values = JSON.stringify(given);
    for (const [stepId, boundary] of ended) {
      if (!values.includes(`"${stepId}"`)) continue;
      ended.delete(stepId);
      reached(boundary);
    }
    return rows;
  };
  // Everything else, getters included, is that of the database itself.
  return Object.assign(Object.create(db) as Database, { run: run as Database['run'] });
}
