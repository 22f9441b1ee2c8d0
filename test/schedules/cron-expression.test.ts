import { describe, expect, it } from 'vitest';
import { canonicalCron, checkTimezone, parseCron } from '../../src/schedules/cron-expression.ts';
import { InvalidInputError } from '../../src/errors.ts';

describe('a cron expression', () => {
  it.each([
    '* * * * *',
    '*/59 * * * *',
    '0-30/30 9-17 * * 1-5',
    '5/10 * * * *',
    '0 9 * JAN-JUN MON,THU',
    '0 9 * mar thu-sat',
    '0 9 * * 7',
    '0 9 L * *',
    '0 9 * * 5L',
    '0 9 * * 1#2',
    '0 9 1,15 * 1',
    '0 0 29 2 *',
    '*/7 */23 */30 */11 */6',
    ' 0\t9  * * * ',
    '@hourly',
    '@Daily',
    '@weekly',
    '@monthly',
    '@yearly',
  ])('%j is accepted', (expression) => {
    expect(parseCron(expression).hasNext()).toBe(true);
  });

  it.each<[unknown, RegExp]>([
    ['', /has 0 fields: write five fields/],
    ['5', /has 1 field: write five fields/],
    ['* * * *', /has 4 fields: write five fields/],
    ['0 9 * *', /has 4 fields: write five fields/],
    ['*/10 * * * * *', /has 6 fields: write five fields.*no field for seconds/],
    ['FREQ=DAILY', /write five fields/],
    [undefined, /is not text/],
    [5, /is not text/],
    ['H * * * *', /has an H in minute: choose the value/],
    ['H(0-10) * * * *', /has an H in minute/],
    ['0 h/2 * * *', /has an H in hour/],
    ['0 9 * * H#3', /has an H in day of week/],
    ['0 9 ? * *', /has a "\?" in day of month: write "\*"/],
    ['*/90 * * * *', /the step "\*\/90" in minute: use a whole number from 1 to 59/],
    ['*/60 * * * *', /the step "\*\/60" in minute/],
    ['0/90 * * * *', /the step "0\/90" in minute/],
    ['10-20/11 * * * *', /the step "10-20\/11" in minute: use a whole number from 1 to 10/],
    ['0 */24 * * *', /in hour: use a whole number from 1 to 23/],
    ['0 23/2 * * *', /the step "23\/2" in hour/],
    ['0 0 */31 * *', /in day of month: use a whole number from 1 to 30/],
    ['0 0 1 */12 *', /in month: use a whole number from 1 to 11/],
    ['0 0 * * */7', /in day of week: use a whole number from 1 to 6/],
    ['*/0 * * * *', /the step "\*\/0" in minute/],
    ['*/x * * * *', /the step "\*\/x" in minute/],
    ['*/5/5 * * * *', /the step "\*\/5\/5" in minute/],
    ['60 * * * *', /is not valid/],
    ['0 24 * * *', /is not valid/],
    ['0 0 30 2 *', /is not valid/],
    ['0 9 15W * *', /is not valid/],
    ['0 9 LW * *', /is not valid/],
    ['0 9 * * 8', /is not valid/],
    ['5-1 * * * *', /is not valid/],
    ['@every 5m', /is no nickname: use @hourly, @daily/],
    ['@secondly', /is no nickname/],
    ['@weekdays', /is no nickname/],
    ['@reboot', /is no nickname/],
    // Names that every object has.
    ['constructor', /has 1 field/],
    ['__proto__', /has 1 field/],
  ])('%j is refused', (expression, message) => {
    expect(() => parseCron(expression)).toThrow(message);
    expect(() => parseCron(expression)).toThrow(InvalidInputError);
  });

  it('means the same at every parse, and a nickname means its five fields', () => {
    expect(parseCron('@daily').stringify()).toBe(parseCron('0 0 * * *').stringify());
    expect(canonicalCron(' 0\t9  * * * ')).toBe('0 9 * * *');
    expect(canonicalCron('@Daily')).toBe('@daily');
  });
});

describe('a time zone', () => {
  it.each(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5', 'America/Port-au-Prince', 'EST'])(
    '%j is accepted',
    (timezone) => {
      expect(() => checkTimezone(timezone)).not.toThrow();
    },
  );

  it.each(['', 'Local', 'local', 'system', 'default', '+02:00', 'UTC+3', 'Mars/Olympus', ' UTC', undefined, null, 5])(
    '%j is refused',
    (timezone) => {
      expect(() => checkTimezone(timezone)).toThrow(/is not known: use a name of the IANA database/);
    },
  );

  it('is accepted if the platform lists it', () => {
    expect(() => Intl.supportedValuesOf('timeZone').forEach((timezone) => checkTimezone(timezone))).not.toThrow();
  });
});
