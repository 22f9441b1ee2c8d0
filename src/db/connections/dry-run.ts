/**
 * Thrown by the work of a transaction that was only to be tried: the transaction is rolled back, and `outcome` is what it would have
 * come to. The session is as good as before.
 */
export class DryRunEnded extends Error {
  readonly outcome: unknown;

  constructor(outcome: unknown) {
    super('a dry run ended: its transaction was rolled back');
    this.name = 'DryRunEnded';
    this.outcome = outcome;
  }
}
