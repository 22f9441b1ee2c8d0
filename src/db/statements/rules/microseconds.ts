/** SQL: a time as whole microseconds since 1970, which a double holds exactly. */
export const microseconds = (time: string): string => `(extract(epoch FROM ${time}) * 1000000)::bigint`;
