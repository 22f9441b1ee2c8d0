import { type CronExpression, CronExpressionParser } from 'cron-parser';
import { InvalidInputError } from '../errors.ts';

/** The fields of an expression in order, with the smallest and the largest value of each. */
const FIELDS = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12 },
  // 7 is Sunday as 0 is: a step of 7 comes back to the same day.
  { name: 'day of week', min: 0, max: 6 },
] as const;

/** The nicknames of crontab(5) that name a time of day or less often. */
const NICKNAMES: ReadonlyMap<string, string> = new Map([
  ['@hourly', '0 * * * *'],
  ['@daily', '0 0 * * *'],
  ['@weekly', '0 0 * * 0'],
  ['@monthly', '0 0 1 * *'],
  ['@yearly', '0 0 1 1 *'],
]);

/**
 * Reads a cron expression: five fields, or a nickname. Every expression is read here, when a schedule is made and when it fires,
 * so that every accepted expression fires as it was read. Throws InvalidInputError.
 *
 * cron-parser accepts more than cron can mean, and silently turns it into something else: a missing field counts as a star at the
 * front, a sixth field shifts the others, `H` is a random value at each parse, and a step that is wider than its range means the
 * first value alone. These are refused first.
 */
export function parseCron(expression: unknown): CronExpression {
  if (typeof expression !== 'string') throw refused(expression, `is not text: ${FIVE_FIELDS}`);
  const text = canonicalCron(expression);
  if (text.startsWith('@') && !NICKNAMES.has(text))
    throw refused(expression, `is no nickname: use ${[...NICKNAMES.keys()].join(', ')} or five fields`);
  const fields = (NICKNAMES.get(text) ?? text).split(' ').filter((field) => field !== '');
  if (fields.length !== FIELDS.length) {
    const seconds = fields.length === 6 ? '; there is no field for seconds' : '';
    throw refused(expression, `has ${fields.length} field${fields.length === 1 ? '' : 's'}: ${FIVE_FIELDS}${seconds}`);
  }
  for (const [index, field] of fields.entries())
    checkField(expression, field, FIELDS[index] as (typeof FIELDS)[number]);
  try {
    // Against UTC: the expression is matched with what the clocks of its time zone show.
    return CronExpressionParser.parse(fields.join(' '), { tz: 'UTC', strict: false });
  } catch (error) {
    throw refused(expression, `is not valid: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const FIVE_FIELDS = 'write five fields (minute, hour, day of month, month, day of week)';

/** The same expression in the notation in which it is stored and compared: one space between fields, a nickname in lower case. */
export function canonicalCron(expression: string): string {
  const text = expression.trim().replaceAll(/\s+/g, ' ');
  return text.startsWith('@') ? text.toLowerCase() : text;
}

function checkField(expression: unknown, field: string, { name, min, max }: (typeof FIELDS)[number]): void {
  if (/H/i.test(field.replaceAll(/thu|mar/gi, '')))
    throw refused(
      expression,
      `has an H in ${name}: choose the value, such as 17, so that it is the same at every parse`,
    );
  if (field.includes('?')) throw refused(expression, `has a "?" in ${name}: write "*"`);
  for (const item of field.split(',')) {
    const [, range = '', stepText] = /^([^/]*)\/(.*)$/.exec(item) ?? [];
    if (stepText === undefined) continue;
    const [from, to] = range === '*' ? [min, max] : bounds(range, max);
    // A name (JAN-JUN/2) is read by cron-parser; its range is at most the field's.
    const span = Number.isNaN(from + to) ? max - min : to - from;
    if (!/^\d+$/.test(stepText) || Number(stepText) < 1 || Number(stepText) > span) {
      throw refused(
        expression,
        `has the step "${item}" in ${name}: use a whole number from 1 to ${Math.max(span, 1)}, or name the values, since a wider step would never be taken`,
      );
    }
  }
}

function bounds(range: string, max: number): [from: number, to: number] {
  const [from = '', to] = range.split('-');
  return [Number.parseInt(from, 10), to === undefined ? max : Number.parseInt(to, 10)];
}

/**
 * Throws InvalidInputError unless it is a time zone of the IANA database that this platform has. Names without a region
 * (UTC, EST) count; offsets (+02:00) do not, and neither do "Local" and "system", which are another zone on every machine.
 */
export function checkTimezone(timezone: unknown): void {
  const plain = typeof timezone === 'string' && /^[A-Za-z][\w+-]*(\/[\w+-]+){0,2}$/.test(timezone);
  try {
    if (plain) {
      Intl.DateTimeFormat('en-US', { timeZone: timezone });
      return;
    }
  } catch {
    // RangeError: unknown.
  }
  throw new InvalidInputError(
    `time zone ${JSON.stringify(timezone) ?? String(timezone)} is not known: use a name of the IANA database, such as UTC or Europe/Berlin`,
    { field: 'timezone' },
  );
}

function refused(expression: unknown, problem: string): InvalidInputError {
  return new InvalidInputError(`cron expression ${JSON.stringify(expression) ?? String(expression)} ${problem}`, {
    field: 'cron',
  });
}
