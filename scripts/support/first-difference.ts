/** The first line in which two texts differ, with its number, as a diff would show it; empty for equal texts. */
export function firstDifference(before: string, after: string): string {
  if (before === after) return '';
  const [old, now] = [before.split('\n'), after.split('\n')];
  let line = 0;
  while (old[line] === now[line]) line += 1;
  const shown = (sign: string, text: string | undefined): string => `${sign} ${text ?? '(end of file)'}`;
  return `line ${line + 1}:\n${shown('-', old[line])}\n${shown('+', now[line])}`;
}
