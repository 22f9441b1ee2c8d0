import type { StepLogger } from '../workflow/definition.ts';

/** A line that a handler logged. */
export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly step: string;
  readonly attempt: number;
  readonly message: string | undefined;
  readonly fields: object;
}

/** A logger for a handler that keeps its lines in `lines`. */
export function keepingLogger(lines: LoggedLine[], of: { step: string; attempt: number }): StepLogger {
  const at =
    (level: LoggedLine['level']) =>
    (first: string | object, second?: string): void => {
      const [fields, message] = typeof first === 'string' ? [{}, first] : [first, second];
      lines.push({ level, ...of, message, fields });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
