import { InvalidInputError } from '../errors.ts';
import { preview } from './preview.ts';

/** An id of the database as it is given from outside: a text, since a number of JavaScript has 16 digits. Throws InvalidInputError with the field and the value. */
export function checkedId(taskId: string, field = 'taskId'): string {
  if (typeof taskId !== 'string' || !/^\d{1,18}$/.test(taskId)) {
    const what = field === 'taskId' ? 'task id' : field;
    throw new InvalidInputError(
      `${what} ${preview(taskId)} is no id: it has up to 18 digits${typeof taskId === 'string' ? '' : ', and is given as a text'}`,
      { field },
    );
  }
  return taskId;
}
