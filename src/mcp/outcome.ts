/** What a call came to: data of the fleet, or why there is none. */
export interface Outcome {
  readonly failed: boolean;
  /** Of this program: nothing that is stored. */
  readonly note?: string;
  readonly data: unknown;
}
