import { z } from 'zod';
import { VERDICTS } from '../../reads/explain/verdicts.ts';
import { nullableTime, state, taskId, time } from './common.ts';

const verdict = z.enum(Object.keys(VERDICTS) as [keyof typeof VERDICTS]);

export const explanation = z
  .object({
    task_id: taskId,
    namespace: z.string(),
    workflow: z.string(),
    version: z.string(),
    state,
    step: z.string().nullable().describe('That the verdict is about; null: the task as a whole.'),
    step_state: state.nullable(),
    verdict,
    summary: z.string().describe('What the verdict means, in a sentence.'),
    because: z
      .array(
        z.object({
          text: z.string(),
          numbers: z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()])),
          links: z.object({
            task_id: taskId.optional(),
            step: z.string().optional(),
            worker_id: z.string().optional(),
            queue: z.string().optional(),
            workflow: z.string().optional(),
            fingerprint: z.string().optional(),
          }),
        }),
      )
      .describe('The facts that lead to it, the most important first.'),
    until: nullableTime.describe('When it is over by itself, as far as that is known.'),
    who_acts: z.enum(['nobody', 'engine', 'operator', 'platform']),
    actor: z.string().describe('The same in words.'),
    next_actions: z.array(z.object({ text: z.string(), command: z.string().nullable() })),
    others: z
      .array(z.object({ step: z.string(), verdict, steps: z.number().int() }))
      .describe('Of a task: what else is open in it, the most urgent first.'),
    as_of: time,
  })
  .meta({ id: 'Explanation', description: 'Why a task or a step is where it is.' });
