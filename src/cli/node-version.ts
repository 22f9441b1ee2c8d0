/** As `engines` of package.json: it strips types of workflow modules, and has Promise.withResolvers. */
const OLDEST = [22, 18] as const;

/** Why this version of Node cannot run the command line; undefined if it can. `version`: such as `20.19.0`. */
export function nodeProblem(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return undefined;
  return `Node ${version} is too old: use Node ${OLDEST.join('.')} or newer`;
}
