/** JSON objects as texts, so that numbers in them keep all their digits. */

/** The members of an object's text, without its braces. A text that is no object becomes the member `metadata`; null has none. */
function membersOf(text: string | null): string {
  if (text === null) return '';
  const trimmed = text.trim();
  if (trimmed === 'null') return '';
  return trimmed.startsWith('{') ? trimmed.slice(1, -1).trim() : `"metadata": ${trimmed}`;
}

/** An object's text with further members, which replace those of the same name when PostgreSQL reads it. */
export function withMembers(text: string | null, members: object): string {
  const further = JSON.stringify(members).slice(1, -1);
  return `{${[membersOf(text), further].filter((part) => part !== '').join(', ')}}`;
}

/** As `withMembers` for one member whose value is a JSON text. */
export function withMember(text: string | null, name: string, value: string): string {
  return `{${[membersOf(text), `${JSON.stringify(name)}: ${value}`].filter((part) => part !== '').join(', ')}}`;
}

export const jsonList = (texts: readonly string[]): string => `[${texts.join(', ')}]`;
