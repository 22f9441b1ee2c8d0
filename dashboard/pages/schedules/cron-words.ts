const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const NICKNAMES: Readonly<Record<string, string>> = {
  '@hourly': 'every hour',
  '@daily': 'every day at 00:00',
  '@midnight': 'every day at 00:00',
  '@weekly': 'every Sunday at 00:00',
  '@monthly': 'on the 1st of every month at 00:00',
  '@yearly': 'on 1 January at 00:00',
  '@annually': 'on 1 January at 00:00',
};

const two = (text: string): string => text.padStart(2, '0');
const isNumber = (text: string): boolean => /^\d+$/.test(text);

/** The plain forms of an expression in words; undefined for the others, which are better read as they are. */
export function cronWords(cron: string): string | undefined {
  if (cron.startsWith('@')) return NICKNAMES[cron];
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = cron.split(' ');
  if (month !== '*') return undefined;
  const everyDay = day === '*' && weekday === '*';
  const step = /^\*\/(\d+)$/.exec(minute)?.[1];
  if (everyDay && hour === '*') {
    if (minute === '*') return 'every minute';
    if (step !== undefined) return `every ${step} minutes`;
    return isNumber(minute) ? `every hour at minute ${minute}` : undefined;
  }
  if (!isNumber(minute) || !isNumber(hour)) return undefined;
  const at = `at ${two(hour)}:${two(minute)}`;
  if (everyDay) return `every day ${at}`;
  if (day === '*' && weekday === '1-5') return `on working days ${at}`;
  if (day === '*' && /^[0-7](,[0-7])*$/.test(weekday))
    return `on ${weekday
      .split(',')
      .map((each) => DAYS[Number(each)])
      .join(' and ')} ${at}`;
  return weekday === '*' && isNumber(day) ? `on day ${day} of every month ${at}` : undefined;
}
