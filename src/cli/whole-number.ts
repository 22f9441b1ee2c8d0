import { InvalidInputError } from '../errors.ts';
import { LEAST_URGENT, MOST_URGENT } from '../workflow/priority.ts';

/**
 * The value of an option that is a whole number: digits, with a sign if the range has negative numbers. Throws
 * InvalidInputError (status 2) naming the option, the text and the range; an empty text is no number.
 */
export function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new InvalidInputError(`${option} is ${JSON.stringify(text)}: give a whole number from ${min} to ${max}`, {
    field: option,
  });
}

/** The value of `--priority`. */
export const priorityOf = (text: string): number => wholeNumber('--priority', text, MOST_URGENT, LEAST_URGENT);
