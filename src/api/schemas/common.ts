import { z } from 'zod';
import { preview } from '../../workflow/preview.ts';
import { STATES } from '../../workflow/states.ts';

/** Ids are texts: a number of JavaScript cannot hold all of them. `what`: "a task". */
export const idOf = (what: string) =>
  z
    .string()
    .regex(/^\d{1,18}$/, { error: ({ input }) => `is ${preview(input)}, which is no id of ${what}: up to 18 digits` });
export const taskId = idOf('a task').describe('The id of a task.');
export const time = z.iso.datetime().describe('RFC 3339, in UTC.');
export const nullableTime = time.nullable();
export const state = z.enum(STATES);
/** A name of a workflow, a step, a queue. */
export const name = z.string().min(1).max(255);
/** What a filter compares with: a name, or a text that may be longer than one. */
export const text = z.string().min(1).max(1000);
export const reason = z.string().max(2000).describe('Why, for the history.');
/** The query of a request that has no body. */
export const why = z.strictObject({ reason: reason.optional() });
export const json = z.unknown().describe('Any JSON.');
export const limit = z.coerce.number().int().min(1).max(200).default(50).describe('The most items of a page.');
export const cursor = z.string().max(30_000).optional().describe('`next_cursor` of the page before.');

/** A list in a query: `a,b`, or the parameter several times. */
export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.preprocess(
    (given) => (given === undefined ? undefined : [given].flat().flatMap((part) => String(part).split(','))),
    z.array(item).min(1).max(50).optional(),
  );

const flagWith = (byDefault: 'true' | 'false') =>
  z
    .enum(['true', 'false'])
    .default(byDefault)
    .transform((given) => given === 'true');
export const flag = flagWith('false');
/** True unless it is said otherwise. */
export const flagOn = flagWith('true');

/** What every page of a list has besides its items. */
export const page = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    next_cursor: z.string().nullable().describe('For the next page; null: this is the last.'),
    complete: z
      .boolean()
      .describe('False: the page has fewer items than its limit because it had read enough of others.'),
    scanned_to: nullableTime.describe('How far back it has read; null: to the end of the list.'),
    as_of: time.describe('When it was read.'),
  });

/** An error of a step. */
export const storedError = z.object({
  name: z.string(),
  message: z.string().nullable().describe('Null for whoever may not read payloads.'),
  code: z.string().optional(),
});

/** A document, or where it is if it is long. */
export const payload = z
  .object({
    bytes: z.number().int(),
    href: z.string().describe('The path of the document as it is stored, to the last digit.'),
    value: json.optional().describe('Absent: it is longer than 64 KiB.'),
  })
  .nullable()
  .describe('Null: there is none, or whoever asks may not read payloads.');
