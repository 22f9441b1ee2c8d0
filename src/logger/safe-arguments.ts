import { isErrorLike, type Loggable, loggableFields, loggableText } from './loggable.ts';

/** What is known of the lines of one logger and its children. */
export interface LineRules {
  /** The field of the text of a line. */
  readonly messageKey: string;
  /** Of the program, by field; each is called with the value as it was given. */
  readonly serializers?: Readonly<Record<string, (value: never) => unknown>>;
}

type Fields = { [key: string]: Loggable };

/** Fields (or an error), a message and its arguments, in the form of pino, made so that nothing in them can throw. */
export function safeArguments(args: readonly unknown[], own: ReadonlySet<string>, rules: LineRules): unknown[] {
  const [first, ...rest] = args;
  const texts = rest.map(safeText);
  if (typeof first !== 'object' || first === null) return [...(first === undefined ? [] : [safeText(first)]), ...texts];
  const fields = isErrorLike(first) ? loggableFields({ err: first }) : safeFields(serialized(first, rules), own);
  if (texts.length > 0)
    return [texts[0] === undefined ? fields : renamed(fields, new Set([rules.messageKey])), ...texts];
  if (!isErrorLike(first)) return [fields];
  return [fields, (fields['err'] as { message: string }).message];
}

/** Fields of a line or of a child, which may not repeat the fields that the line has already. */
export function safeFields(fields: object, own: ReadonlySet<string>): Fields {
  return renamed(withErrors(loggableFields(fields)), own);
}

/** Before the copy: a serializer reads what the copy has not, such as getters of a request. One that throws leaves the value as it is. */
function serialized(fields: object, { serializers }: LineRules): object {
  if (serializers === undefined) return fields;
  const copy: Record<string, unknown> = {};
  try {
    for (const key of Object.keys(fields)) Object.defineProperty(copy, key, member(fields, key, serializers[key]));
    return copy;
  } catch {
    return fields;
  }
}

function member(fields: object, key: string, serialize: ((value: never) => unknown) | undefined): PropertyDescriptor {
  const read = (): unknown => (fields as Record<string, unknown>)[key];
  const get = (): unknown => {
    const value = read();
    if (typeof serialize !== 'function') return value;
    try {
      return serialize(value as never);
    } catch {
      return value;
    }
  };
  return { get, enumerable: true, configurable: true };
}

/** Makes sure that `error` and `err` are objects with a message. */
function withErrors(fields: Fields): Fields {
  for (const key of ['error', 'err']) {
    const value = fields[key];
    if (value !== undefined && (typeof value !== 'object' || value === null)) fields[key] = { message: String(value) };
  }
  return fields;
}

function renamed(fields: Fields, taken: ReadonlySet<string>): Fields {
  if (!Object.keys(fields).some((key) => taken.has(key))) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [taken.has(key) ? `field_${key}` : key, value]),
  );
}

function safeText(value: unknown): unknown {
  if (typeof value === 'string') return loggableText(value);
  if (value === undefined || typeof value === 'number' || typeof value === 'boolean') return value;
  return loggableFields({ value })['value'] ?? String(typeof value);
}
