/** An installation of which this program has made the first tables alone. */
export interface Unfinished {
  readonly schema: string;
  /** Whether a statement names a table or a view that is not made yet. */
  lacks(text: string): boolean;
  /** Makes the rest, if that is not under way. Never rejects: what needs it then fails with the error of the missing table. */
  finish(): Promise<void>;
}

const unfinished = new Set<Unfinished>();

/** For the time until it is whole, which the returned function ends. */
export function noteUnfinished(installation: Unfinished): () => void {
  unfinished.add(installation);
  return () => unfinished.delete(installation);
}

/**
 * What has to be awaited before a statement runs, or, without one, before anything else that may need all tables: a transaction, or a role that starts.
 * Undefined if nothing has, as at all times but the first moment of a database's life. By the schema's name alone, since one database has several URLs.
 */
export function whole(schema: string, text?: string): Promise<unknown> | undefined {
  if (unfinished.size === 0) return undefined;
  const lacking = [...unfinished].filter((each) => each.schema === schema && (text === undefined || each.lacks(text)));
  return lacking.length === 0 ? undefined : Promise.all(lacking.map((each) => each.finish()));
}
