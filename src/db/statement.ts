/**
 * One SQL statement and the name it is known by: the name of the prepared statement on each connection, and the label of
 * its duration in the metrics.
 */
export interface Statement<Row extends object = Record<string, unknown>> {
  readonly name: string;
  readonly text: string;
  /** Never set: carries the row type. */
  readonly row?: Row;
}

export function statement<Row extends object>(name: string, text: string): Statement<Row> {
  return { name, text };
}
