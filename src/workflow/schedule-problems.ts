import { didYouMean } from './did-you-mean.ts';
import { preview } from './preview.ts';
import type { WorkflowSchedule } from './schedule-options.ts';
import { isRecord } from './step-options.ts';

const OPTIONS = [
  'key',
  'cron',
  'timezone',
  'input',
  'priority',
  'tags',
  'reason',
  'version',
  'overlap',
  'makeUp',
  'makeUpWindowSeconds',
];

export function scheduleKeyProblem(key: unknown): string | undefined {
  if (typeof key === 'string' && /^[\w./-]{1,128}$/.test(key)) return undefined;
  return `schedule key ${preview(key)}: use 1 to 128 letters, digits, ".", "/", "_" or "-"`;
}

/**
 * What can be known of a schedule where its workflow is defined, without a database: its key, and the names of its options. The rest is
 * checked when it is applied.
 */
export function findScheduleProblems(schedule: unknown, others: readonly WorkflowSchedule[]): string[] {
  if (!isRecord(schedule)) return [`a schedule is ${preview(schedule)}: it is an object`];
  const problem = scheduleKeyProblem(schedule['key']);
  if (problem !== undefined) return [problem];
  const label = `schedule "${schedule['key'] as string}"`;
  const problems = Object.keys(schedule)
    .filter((option) => !OPTIONS.includes(option))
    .map((option) => `${label}: unknown option ${preview(option)}${didYouMean(option, OPTIONS)}`);
  if (typeof schedule['cron'] !== 'string')
    problems.push(`${label}: cron is ${preview(schedule['cron'])}: it is a text`);
  if (others.some(({ key }) => key === schedule['key'])) problems.push(`${label} is there twice`);
  return problems;
}
