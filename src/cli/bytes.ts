const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** A number of bytes with three digits and a unit; below a thousand, whole ones. */
export function byteText(bytes: number): string {
  if (bytes < 999.5) return `${Math.round(bytes)} B`;
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** unit).toPrecision(3))} ${UNITS[unit]}`;
}
