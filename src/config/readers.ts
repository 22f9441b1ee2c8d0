import { readDatabaseUrl } from './database-url.ts';

/**
 * Reads the text of a setting: its value, or what is wrong with it, in words behind the text. Plain functions, because every process reads
 * all settings before it does anything else: to load a library for it would be a tenth of a start.
 */
export type Reader<Value = unknown> = (text: string) => Read<Value>;

export type Read<Value> = { readonly value: Value } | { readonly problems: readonly string[] };

const refuse = (problem: string): { problems: readonly string[] } => ({ problems: [problem] });

/** A whole number in decimal digits. */
export const integer =
  (min: number, max: number): Reader<number> =>
  (text) => {
    if (!/^-?\d+$/.test(text)) return refuse('is not a whole number');
    const value = Number(text);
    if (value < min) return refuse(`is below ${min}`);
    return value > max ? refuse(`is above ${max}`) : { value };
  };

export const boolean: Reader<boolean> = (text) =>
  text === 'true' || text === 'false' ? { value: text === 'true' } : refuse('is neither true nor false');

export const oneOf =
  <const Value extends string>(values: readonly Value[], otherwise: string): Reader<Value> =>
  (text) =>
    values.includes(text as Value) ? { value: text as Value } : refuse(otherwise);

export const matching =
  (pattern: RegExp, otherwise: string): Reader<string> =>
  (text) =>
    pattern.test(text) ? { value: text } : refuse(otherwise);

export const text =
  ({ min = 1, otherwise = 'is empty' } = {}): Reader<string> =>
  (given) =>
    given.length >= min ? { value: given } : refuse(otherwise);

export const url: Reader<string> = (given) => {
  if (/^["']/.test(given)) return refuse('begins with a quotation mark, which is not a part of a URL: take both out');
  if (!/^postgres(ql)?:\/\//.test(given)) {
    return refuse('is not a postgres:// URL, such as postgres://user:password@localhost:5432/database');
  }
  const read = readDatabaseUrl(given);
  return read.ok ? { value: given } : refuse(read.problem);
};

/** Items between commas. */
export const list: Reader<string[]> = (given) => ({
  value: given
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
});
