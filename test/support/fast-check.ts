// oxlint-disable-next-line no-restricted-imports -- its one home
import fc, { type RunDetails } from 'fast-check';

/**
 * Writes a failed property at once, with its seed and its counterexample: if a test is tried again (CI) and passes with another seed, Vitest
 * says nothing of the first one.
 */
function report<T>(details: RunDetails<T>): void {
  if (!details.failed) return;
  const message = fc.defaultReportMessage(details) ?? 'Property failed';
  process.stderr.write(`${message}\n${details.errorInstance instanceof Error ? details.errorInstance.stack : ''}\n`);
  throw new Error(message, { cause: details.errorInstance });
}

fc.configureGlobal({ ...fc.readConfigureGlobal(), reporter: report as (details: RunDetails<unknown>) => void });

/** fast-check for every test: see the reporter above. */
export default fc;
