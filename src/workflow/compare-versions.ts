/** The order of versions: `1.10.0` is newer than `1.9.0`. Sorts from the oldest to the newest. */
export function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
