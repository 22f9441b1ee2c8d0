import type { WorkflowDefinition } from '../../workflow/definition.ts';
import type { CrashOptions } from './crash-options.ts';
import type { CrashReport } from './crash-report.ts';

/**
 * Runs a task of the workflow once without a crash, and then once for each moment at which a worker can die between two things: before
 * its first claim; for each attempt, after its claim, after each effect that its handler records, after its handler and before its
 * outcome is written, and after the outcome is committed. At that moment the worker, a process of its own, is killed with SIGKILL;
 * another one takes over and finishes. The report names the steps whose effects (`effects.record`) happened twice or not at all.
 */
export async function crashAtEveryBoundary<Definition extends WorkflowDefinition>(
  workflow: Definition,
  options: CrashOptions<Definition>,
): Promise<CrashReport> {
  const { findCrashes } = await import('./find-crashes.ts');
  return findCrashes(workflow, options as CrashOptions);
}
