import { STEP_ID_FACTOR } from '../../../workflow/step-id.ts';

/** The id of the step with this ordinal in this task. */
export const stepId = (taskId: string, ordinal: string): string => `${taskId} * ${STEP_ID_FACTOR} + ${ordinal}`;

/** The ordinal in its workflow of the step with this id. */
export const ordinalOf = (id: string): string => `${id} & ${STEP_ID_FACTOR - 1}`;
