/** Newest first where it is used to sort: `1.10.0` is newer than `1.9.0`. The one order of versions that commands and schedules go by. */
export function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
