import type { IncomingHttpHeaders } from 'node:http';

/** Every value that a request has under this name. */
export function cookiesOf({ cookie: text = '' }: IncomingHttpHeaders, name: string): string[] {
  const start = `${name}=`;
  return text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(start))
    .map((part) => part.slice(start.length));
}

/** Two of them are none. */
export function cookieOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const values = cookiesOf(headers, name);
  return values.length === 1 ? values[0] : undefined;
}
