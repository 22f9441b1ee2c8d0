/** What survives a round trip through the database: the type of inputs, results and configurations. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export type JsonObject = { readonly [key: string]: Json };

type IsAny<T> = 0 extends 1 & T ? true : false;

/**
 * `T` as it comes back from the database: a Date (or anything with `toJSON`) as what its `toJSON` returns, undefined as
 * null, members that are undefined left out, `unknown` as Json.
 */
export type Jsonify<T> =
  IsAny<T> extends true
    ? T
    : unknown extends T
      ? Json
      : T extends Json
        ? T
        : T extends undefined | void
          ? null
          : T extends { toJSON(...args: never): infer U }
            ? Jsonify<U>
            : T extends bigint | symbol | ((...args: never) => unknown)
              ? never
              : T extends readonly unknown[]
                ? { [Index in keyof T]: Jsonify<T[Index]> }
                : T extends object
                  ? JsonifyMembers<T>
                  : never;

type JsonifyMembers<T extends object> = Flat<
  { [Key in PresentKeys<T>]: Jsonify<T[Key]> } & { [Key in OptionalKeys<T>]?: Jsonify<Exclude<T[Key], undefined>> }
>;

type Flat<T> = { [Key in keyof T]: T[Key] };
type StringKeys<T> = keyof T & (string | number);
type OptionalKeys<T> = {
  [Key in StringKeys<T>]-?: undefined extends T[Key] ? UnlessWide<T[Key], Key> : never;
}[StringKeys<T>];
type PresentKeys<T> = Exclude<StringKeys<T>, OptionalKeys<T>>;
/** `undefined extends unknown` holds, but an unknown member is not one that may be missing. */
type UnlessWide<T, Key> = unknown extends T ? never : Key;

/**
 * Why a value of type `T` cannot be stored as JSON, as a union of messages; never if it can. Goes six levels deep: a type may
 * refer to itself. A cycle, NaN and the size are known only at run time, and are checked when the step ends.
 */
export type UnstorableReason<T, Path extends string = 'result', Depth extends readonly unknown[] = []> =
  IsAny<T> extends true
    ? never
    : unknown extends T
      ? never
      : Depth['length'] extends 6
        ? never
        : T extends Json | undefined | void
          ? never
          : T extends bigint
            ? `${Path} is a bigint: JSON has none, return a string`
            : T extends symbol
              ? `${Path} is a symbol`
              : T extends (...args: never) => unknown
                ? `${Path} is a function`
                : T extends { toJSON(...args: never): infer U }
                  ? UnstorableReason<U, Path, [...Depth, unknown]>
                  : T extends ReadonlyMap<unknown, unknown>
                    ? `${Path} is a Map: return Object.fromEntries(map)`
                    : T extends ReadonlySet<unknown>
                      ? `${Path} is a Set: return an array`
                      : T extends readonly (infer Item)[]
                        ? UnstorableReason<Item, `${Path}[]`, [...Depth, unknown]>
                        : T extends object
                          ? {
                              [Key in StringKeys<T>]-?: UnstorableReason<T[Key], `${Path}.${Key}`, [...Depth, unknown]>;
                            }[StringKeys<T>]
                          : never;

/** Intersected with a handler's result: no effect if it is JSON, otherwise a type error that names the member. */
export type Storable<T> = [UnstorableReason<T>] extends [never]
  ? unknown
  : { readonly 'a result must be JSON': UnstorableReason<T> };
