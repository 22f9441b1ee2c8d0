/** A transaction of Kysely, of any version and copy: by its structure, without the package. */
export interface KyselyTransaction {
  readonly isTransaction: true;
  executeQuery(query: never): Promise<{ rows: unknown[] }>;
  withoutPlugins(): unknown;
}

/** Without the plugins, which may rename the columns of the result. */
export function queryKysely(
  transaction: KyselyTransaction,
  { text, values = [] }: { text: string; values?: unknown[] },
): Promise<{ rows: unknown[] }> {
  const plain = transaction.withoutPlugins() as KyselyTransaction;
  const compiled = {
    sql: text,
    parameters: values,
    query: { kind: 'RawNode', sqlFragments: [text], parameters: [] },
    queryId: { queryId: 'tasker' },
  };
  return plain.executeQuery(compiled as never);
}
