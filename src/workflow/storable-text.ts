/**
 * Text as PostgreSQL accepts it in text and jsonb: no \u0000, no lone surrogates (both become U+FFFD), and no longer than
 * `maxLength` UTF-16 units before the note that says how much is missing.
 */
export function storableText(text: string, maxLength: number): string {
  const cut = text.length > maxLength ? text.slice(0, maxLength) : text;
  const clean = cut.toWellFormed().replaceAll('\u0000', '\uFFFD');
  return text.length > maxLength ? `${clean}... (${text.length - maxLength} more characters)` : clean;
}

/** Whether PostgreSQL accepts the text as it is. */
export function isStorable(text: string): boolean {
  return storableText(text, Infinity) === text;
}

/** As `storableText`, with the bound in bytes of UTF-8. A text that fits by its length, of ASCII or not, costs no encoding. */
export function storableBytes(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return storableText(text, maxBytes);
  const head = text.slice(0, maxBytes);
  if (text.length <= maxBytes && Buffer.byteLength(head) <= maxBytes) return storableText(text, maxBytes);
  // Encoded as far as it fits, which never splits a character; `read` is the length that was encoded.
  const { read } = new TextEncoder().encodeInto(head, new Uint8Array(maxBytes));
  return storableText(text, read);
}
