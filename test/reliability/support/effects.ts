import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** One effect that a handler had on the world outside the engine. */
export interface Effect {
  task: string;
  step: string;
  attempt: number;
  pid: number;
}

/** Writes an effect to a ledger outside the engine: the file that EFFECTS_FILE names, which all processes share, has a line per effect. */
export function haveEffect(context: { taskId: string; stepName: string; attempt: number }): void {
  const effect: Effect = { task: context.taskId, step: context.stepName, attempt: context.attempt, pid: process.pid };
  const file = process.env['EFFECTS_FILE'];
  if (file === undefined) throw new Error('EFFECTS_FILE is not set');
  appendFileSync(file, `${JSON.stringify(effect)}\n`);
}

export function readEffects(file: string): Effect[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Effect);
}
