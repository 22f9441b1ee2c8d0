/** The patch number of the first version that is made for tasks of another graph; higher ones follow, one for each graph. */
export const FIRST_OTHER_PATCH = 9001;

/** The lowest patch number from there on that no version has. */
export function freeVersion(version: string, taken: ReadonlySet<string>): string {
  const [major, minor] = version.split('.');
  let patch = FIRST_OTHER_PATCH;
  while (taken.has(`${major}.${minor}.${patch}`)) patch += 1;
  return `${major}.${minor}.${patch}`;
}
