import type { Submitted } from '../engine/submit.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { ValidationOptions } from '../workflow/validate-input.ts';
import { checkedWhole, checkNoTransaction } from './checked.ts';
import type { UnboundTask } from './definitions.ts';
import type { BatchWriter } from './in-transaction.ts';
import { newTask, type SubmitRequest } from './new-task.ts';

/** Above it one statement takes longer than a database should hold locks for. */
const MAX_BATCH = 100_000;

/** Submits what `requests` yields in batches, reading no further ahead than the batches in flight; yields their results. */
export async function* submitStream<Definition extends WorkflowDefinition>(
  definition: Definition,
  requests: Iterable<SubmitRequest<Definition>> | AsyncIterable<SubmitRequest<Definition>>,
  options: { batchSize: number; validation: ValidationOptions; writer: BatchWriter },
): AsyncGenerator<Submitted[]> {
  const batchSize = checkedWhole('batchSize', options.batchSize, 1, MAX_BATCH);
  const inFlight: Promise<Submitted[]>[] = [];
  let batch: UnboundTask[] = [];
  const send = (): void => {
    const sending = options.writer.write(batch);
    // Awaited below, in order; until then a failure must not count as unhandled.
    sending.catch(() => undefined);
    inFlight.push(sending);
    batch = [];
  };
  try {
    for await (const request of requests) {
      checkNoTransaction(request, 'a request of submitMany', 'give it to submitMany itself, for all requests');
      batch.push(await newTask(definition, request, options.validation));
      if (batch.length < batchSize) continue;
      send();
      if (inFlight.length >= options.writer.inFlight) yield await (inFlight.shift() as Promise<Submitted[]>);
    }
    if (batch.length > 0) send();
    for (const sending of inFlight.splice(0)) yield await sending;
  } finally {
    await Promise.allSettled(inFlight);
  }
}
