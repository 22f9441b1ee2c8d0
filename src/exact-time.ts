/**
 * A time to the microsecond, as PostgreSQL stores it. It is a Date of its millisecond: what does not know of the rest loses that and nothing
 * else. As text, and so in JSON, it has six digits.
 */
export class ExactTime extends Date {
  readonly #microseconds: number;

  /** `microseconds`: those within the millisecond, 0 to 999. */
  constructor(milliseconds: number, microseconds: number) {
    super(milliseconds);
    this.#microseconds = microseconds;
  }

  get microseconds(): number {
    return this.#microseconds;
  }

  /** Also of `toJSON`. */
  override toISOString(): string {
    return `${super.toISOString().slice(0, -1)}${String(this.#microseconds).padStart(3, '0')}Z`;
  }
}

/** Of an ISO 8601 text with up to six digits of a second, as an invalid Date of any other text; further digits do not count. */
export function exactTime(text: string): Date {
  const [whole, , more = ''] = /\.(\d{1,3})(\d{0,3})\d*/.exec(text) ?? [];
  if (whole === undefined) return new ExactTime(Date.parse(text), 0);
  return new ExactTime(Date.parse(text.replace(whole, whole.slice(0, 4))), Number(more.padEnd(3, '0')));
}

/** Below 0: `a` is before `b`. */
export const compareTimes = (a: Date, b: Date): number =>
  a.getTime() - b.getTime() || microsecondsOf(a) - microsecondsOf(b);

const microsecondsOf = (time: Date): number => (time instanceof ExactTime ? time.microseconds : 0);

/** A deep copy of data, with its times. */
export function copyOf<Data>(data: Data): Data {
  if (typeof data !== 'object' || data === null) return data;
  if (data instanceof ExactTime) return new ExactTime(data.getTime(), data.microseconds) as Data;
  if (data instanceof Date) return new Date(data) as Data;
  if (Array.isArray(data)) return data.map(copyOf) as Data;
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, copyOf(value)])) as Data;
}
