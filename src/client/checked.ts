import { InvalidInputError } from '../errors.ts';
import { preview } from '../workflow/preview.ts';

/** Arguments of the client, checked before anything is sent. Each throws InvalidInputError with the field, the value and the range. */

export function checkedId(taskId: string): string {
  if (typeof taskId !== 'string' || !/^\d{1,18}$/.test(taskId)) {
    throw new InvalidInputError(`task id ${preview(taskId)} is not a number of up to 18 digits, as a text`, {
      field: 'taskId',
    });
  }
  return taskId;
}

export function checkedWhole(field: string, value: number, min: number, max: number, meaning = ''): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InvalidInputError(`${field} is ${preview(value)}: use a whole number from ${min} to ${max}${meaning}`, {
    field,
  });
}

/** Milliseconds from 0 on; Infinity is no limit. */
export function checkedMilliseconds(field: string, value: number): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw new InvalidInputError(`${field} is ${preview(value)}: use milliseconds from 0 on`, { field });
}

/** What is kept beside a task or in its history. PostgreSQL stores no \u0000 and no half of a surrogate pair. */
export function checkedText(field: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !value.isWellFormed() || value.includes('\u0000')) {
    throw new InvalidInputError(
      `${field} is ${preview(value)}: use a text without \\u0000 and without halves of surrogate pairs`,
      { field },
    );
  }
  return value;
}

export function checkedTexts(field: string, values: readonly string[] | undefined): readonly string[] | undefined {
  if (values === undefined) return undefined;
  if (!Array.isArray(values)) throw new InvalidInputError(`${field} is ${preview(values)}: use an array`, { field });
  for (const [index, value] of values.entries()) {
    if (value === undefined) throw new InvalidInputError(`${field}[${index}] is undefined: use a text`, { field });
    checkedText(`${field}[${index}]`, value);
  }
  return values;
}
