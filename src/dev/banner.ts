import { relative } from 'node:path';
import { hidePasswords } from '../secrets.ts';
import { VERSION } from '../version.ts';
import { type Paint, paintFor } from './log-record.ts';
import type { ServedWorkflow } from './messages.ts';

/** What runs, where, and what to type next. */
export function banner(
  options: {
    workflows: readonly ServedWorkflow[];
    folder: string;
    url: string;
    embedded: boolean;
    dashboard: string | undefined;
  },
  paint: Paint = paintFor(process.stdout),
): string {
  const { workflows, folder, url, embedded, dashboard } = options;
  const names = workflows.map(labelOf);
  const widest = Math.max(...names.map((name) => name.length));
  const list = workflows.map(
    ({ version, steps }, index) =>
      `${(names[index] as string).padEnd(widest)}  ${version}  ${steps === 1 ? '1 step' : `${steps} steps`}`,
  );
  const [first] = workflows;
  const lines = [
    '',
    `  ${paint('bold', 'tasker dev')} ${paint('dim', VERSION)}`,
    '',
    ...(dashboard === undefined ? [] : [`  ${paint('dim', 'dashboard')}  ${paint('bold', dashboard)}`, '']),
    ...list.map((line, index) => `  ${paint('dim', index === 0 ? 'workflows' : '         ')}  ${line}`),
    `  ${paint('dim', 'database ')}  ${embedded ? url : hidePasswords(url)}`,
    ...(embedded
      ? [`  ${paint('dim', `           kept in ${shownPath(folder)}; delete that folder to begin anew`)}`]
      : []),
    '',
    `  ${paint('dim', embedded ? 'In another terminal:' : 'In another terminal, with the same DATABASE_URL:')}`,
    ...(first === undefined ? [] : [`    ${submitCommand(first)}`]),
    '    npx tasker tasks',
    '',
    `  ${paint('dim', 'Save a file and the new code runs. Ctrl-C stops; what is unfinished goes on at the next start.')}`,
    '',
  ];
  return `${lines.join('\n')}\n`;
}

/** What to type for a task of this workflow. */
export function submitCommand({ name, sampleInput, needsKey }: ServedWorkflow): string {
  const key = needsKey ? ' --key order-1' : '';
  const quoted = `'${sampleInput.replaceAll("'", `'\\''`)}'`;
  return `npx tasker submit ${name}${key}${sampleInput === '{}' ? '' : ` --input ${quoted}`}`;
}

export const labelOf = ({ namespace, name }: ServedWorkflow): string => `${namespace}/${name}`;

function shownPath(path: string): string {
  const shown = relative('', path);
  return shown.startsWith('..') ? path : `./${shown}`;
}
