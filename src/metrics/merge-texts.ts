/** Metrics of Node, which are those of the whole process whatever its roles are. */
const OF_THE_PROCESS = /^# HELP (process|nodejs)_/;

/**
 * One text for a scraper, from those of the roles of one process: a metric that several roles have is one family with the samples of
 * each under their labels `role`, since a family may appear once only. Node's own metrics are taken from the first role that has
 * them: a sum over roles would count the process twice.
 */
export function mergeMetricTexts(texts: readonly string[]): string {
  const [only] = texts;
  if (only !== undefined && texts.length === 1) return only;
  const families = new Map<string, string[]>();
  // prom-client writes an empty line between families, and none inside one.
  for (const family of texts.flatMap((text) => text.trim().split('\n\n'))) {
    const [help = '', type = '', ...samples] = family.split('\n');
    const known = families.get(help);
    if (known === undefined) families.set(help, [help, type, ...samples]);
    else if (!OF_THE_PROCESS.test(help)) known.push(...samples);
  }
  return `${[...families.values()].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}
