import { styleText } from 'node:util';

/** One line of a process, as its logger made it. */
export interface LogRecord {
  level: string;
  time: string;
  role: string;
  message?: string;
  [field: string]: unknown;
}

export type Format = Parameters<typeof styleText>[0];
/** Colours a text; without a terminal, or under NO_COLOR, it stays as it is. */
export type Paint = (format: Format, text: string) => string;

/** Only as far as both processes and people want it: colours on a terminal that has them. */
export const paintFor =
  (stream: NodeJS.WriteStream): Paint =>
  (format, text) =>
    styleText(format, text, { stream });
