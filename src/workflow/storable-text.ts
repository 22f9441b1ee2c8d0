/**
 * Text as PostgreSQL accepts it in text and jsonb: no \u0000, no lone surrogates (both become U+FFFD), and no longer than
 * `maxLength` UTF-16 units before the note that says how much is missing.
 */
export function storableText(text: string, maxLength: number): string {
  const cut = text.length > maxLength ? text.slice(0, maxLength) : text;
  const clean = cut.toWellFormed().replaceAll('\u0000', '\uFFFD');
  return text.length > maxLength ? `${clean}... (${text.length - maxLength} more characters)` : clean;
}
