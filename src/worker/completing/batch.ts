import type { Ended } from '../scope/outputs.ts';

/** Outcomes that are written together. */
export interface Batch {
  readonly members: readonly Ended[];
  /** Failed writes in a row that a smaller batch might not have shared. 0: never tried, or only while the server was away. */
  readonly failures: number;
  /** Set after a failed write that may have committed: the claim id of children that it may have claimed, if it could. */
  readonly unknown: { readonly claimId: string | undefined } | undefined;
}

/** Two batches, so that one bad member shares its failure with half as many. */
export function halvesOf(batch: Batch): [Batch, Batch] {
  const middle = Math.ceil(batch.members.length / 2);
  // The claim is looked up once. If all members of the first half were lost it is not, and is adopted as an orphan.
  const unknown = batch.unknown === undefined ? undefined : { claimId: undefined };
  return [
    { ...batch, members: batch.members.slice(0, middle) },
    { ...batch, unknown, members: batch.members.slice(middle) },
  ];
}
