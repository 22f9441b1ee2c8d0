/** The occurrence of a schedule that a task stands for. */
export interface TaskOccurrence {
  /** The schedule's key. */
  readonly name: string;
  /** The time for which the task was submitted: what "yesterday" means to it, however late it runs. */
  readonly scheduledAt: Date;
  /** The occurrence was missed at its time and made up for later. */
  readonly madeUp: boolean;
}

/** As it is stored with the task. */
export interface StoredOccurrence {
  readonly name: string;
  /** ISO 8601, in UTC. */
  readonly scheduled_at: string;
  readonly made_up: boolean;
}

/** The initiator of the tasks that the schedule of this key submits. */
export const initiatorOf = (key: string): string => `schedule:${key}`;

export function storedOccurrence({ name, scheduledAt, madeUp }: TaskOccurrence): StoredOccurrence {
  return { name, scheduled_at: scheduledAt.toISOString(), made_up: madeUp };
}

export function occurrenceOf(stored: StoredOccurrence): TaskOccurrence {
  return { name: stored.name, scheduledAt: new Date(stored.scheduled_at), madeUp: stored.made_up };
}
