export interface Match<Pattern extends string = string> {
  readonly pattern: Pattern;
  readonly params: Readonly<Record<string, string>>;
}

/** The first pattern that a path has: `tasks/:id` has one name, `workflows/*rest` the whole rest. */
export function matchPath<Pattern extends string>(
  patterns: readonly Pattern[],
  path: string,
): Match<Pattern> | undefined {
  for (const pattern of patterns) {
    const params = matchOne(pattern, path);
    if (params !== undefined) return { pattern, params };
  }
  return undefined;
}

function matchOne(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/');
  const given = path.split('/');
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    if (part.startsWith('*')) {
      params[part.slice(1)] = given.slice(index).map(decode).join('/');
      return params;
    }
    const has = given[index];
    if (has === undefined) return undefined;
    if (part.startsWith(':')) {
      if (has === '') return undefined;
      params[part.slice(1)] = decode(has);
    } else if (part !== has) return undefined;
  }
  return given.length === wanted.length ? params : undefined;
}

/** What is no encoding stays as it is: an address that somebody typed is no reason to show nothing. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
