/** What `error.type` says of an error: its code, or else its name. Never throws, whatever was thrown. */
export function errorTypeOf(error: unknown): string {
  try {
    const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
    if (typeof code === 'string' && code !== '') return code;
    if (typeof name === 'string' && name !== '') return name;
  } catch {
    // A getter of what was thrown.
  }
  return '_OTHER';
}
