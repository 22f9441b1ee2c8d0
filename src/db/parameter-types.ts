/** What a parameter of each PostgreSQL type is in TypeScript. */
interface Types {
  smallint: number;
  integer: number;
  /** Decimal text, or a number if it is small. */
  bigint: string | number;
  float8: number;
  boolean: boolean;
  uuid: string;
  text: string;
  /** JSON text. */
  jsonb: string;
  /** Text in ISO 8601 for times that are finer than milliseconds, or for `-infinity`. */
  timestamptz: Date | string;
}

export type TypeName = keyof Types;
/** `'bigint'`, `'text | null'`: undefined is NULL, too. */
export type ColumnType = TypeName | `${TypeName} | null`;
/** As a column, or an array of elements without NULLs. */
export type ParameterType = ColumnType | `${TypeName}[]` | `${TypeName}[] | null`;

/** A parameter that is a list of rows: one array per column on the wire. */
export interface RowSet<Columns extends Readonly<Record<string, ColumnType>> = Readonly<Record<string, ColumnType>>> {
  readonly columns: Columns;
}

/** A list of rows with these columns, given as an array of objects. */
export function rows<const Columns extends Readonly<Record<string, ColumnType>>>(columns: Columns): RowSet<Columns> {
  return { columns };
}

export type ParameterSpecs = Readonly<Record<string, ParameterType | RowSet>>;

type ValueOf<Type extends string> = Type extends `${infer NotNull} | null`
  ? ValueOf<NotNull> | null | undefined
  : Type extends `${infer Element extends TypeName}[]`
    ? readonly Types[Element][]
    : Type extends TypeName
      ? Types[Type]
      : never;

type RowOf<Columns> = { readonly [Column in keyof Columns]: ValueOf<Columns[Column] & string> };

export type ParametersOf<Specs extends ParameterSpecs> = {
  readonly [Name in keyof Specs]: Specs[Name] extends RowSet<infer Columns>
    ? readonly RowOf<Columns>[]
    : ValueOf<Specs[Name] & string>;
};
