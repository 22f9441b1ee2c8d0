/** What waiting has cost since the client was made. */
export interface WaitStats {
  /** Calls that wait now. */
  readonly waiting: number;
  /** Times that a waiting call needed the state of its task. */
  readonly checks: number;
  /** Statements that this took. */
  readonly statements: number;
  /** The share of checks that took no statement of their own, 0 to 1. */
  readonly hitRatio: number;
}
