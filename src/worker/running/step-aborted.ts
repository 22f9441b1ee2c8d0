/** Why a running handler is aborted; the reason of its AbortSignal. */
export type AbortCause = 'timeout' | 'drain' | 'claim_lost';

const ABORT_MESSAGES: Record<AbortCause, string> = {
  timeout: 'the step ran longer than its timeout',
  drain: 'the worker is shutting down; the step is given back and will run elsewhere',
  claim_lost: 'the step was taken away from this worker (its task was cancelled, or its lease had run out)',
};

export class StepAborted extends Error {
  readonly abortCause: AbortCause;

  constructor(abortCause: AbortCause, message: string = ABORT_MESSAGES[abortCause]) {
    super(message);
    this.name = 'StepAborted';
    this.abortCause = abortCause;
  }
}
