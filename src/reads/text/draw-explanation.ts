import type { Explanation } from '../explain/explanation.ts';
import { duration } from './duration.ts';

/** An explanation as text: the verdict, its reasons, who acts, and what helps. */
export function drawExplanation(found: Explanation): string {
  const { task_id: taskId, namespace, workflow, version, step, step_state: stepState, state, verdict } = found;
  const subject = step === null ? `task ${taskId}` : `task ${taskId}, step ${step} (${stepState})`;
  const lines = [
    `${subject}  ${namespace}/${workflow}@${version}${step === null ? `  ${state}` : ''}`,
    '',
    `${verdict}  ${found.summary}`,
    '',
    ...found.because.map(({ text }) => `  - ${text}`),
    '',
    `who acts  ${found.actor}`,
  ];
  if (found.until !== null) {
    const left = (found.until.getTime() - found.as_of.getTime()) / 1000;
    lines.push(
      `until     ${found.until.toISOString()} (${left >= 0 ? `in ${duration(left)}` : `${duration(-left)} ago`})`,
    );
  }
  if (found.next_actions.length > 0) {
    lines.push('', 'what helps');
    for (const { text, command } of found.next_actions)
      lines.push(`  ${text}`, ...(command === null ? [] : [`    ${command}`]));
  }
  if (found.others.length > 0) {
    lines.push('', `also open in this task`);
    for (const other of found.others) {
      lines.push(`  ${other.verdict}  ${other.step}${other.steps > 1 ? ` and ${other.steps - 1} more like it` : ''}`);
    }
  }
  return lines.join('\n');
}
