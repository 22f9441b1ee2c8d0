/** A part of a JSON Schema that a form has a field for. */
export interface Field {
  readonly name: string;
  readonly kind: 'text' | 'number' | 'integer' | 'boolean' | 'choice' | 'json';
  readonly required: boolean;
  readonly description: string | undefined;
  readonly choices: readonly string[];
  readonly initial: string;
}

type Schema = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The fields of an object; undefined if the schema is of something else: then the input is written as JSON. */
export function fieldsOf(schema: unknown): Field[] | undefined {
  if (!isObject(schema) || schema['type'] !== 'object' || !isObject(schema['properties'])) return undefined;
  const required = Array.isArray(schema['required']) ? (schema['required'] as unknown[]) : [];
  return Object.entries(schema['properties']).map(([name, member]) => fieldOf(name, member, required.includes(name)));
}

function fieldOf(name: string, member: unknown, required: boolean): Field {
  const schema = isObject(member) ? member : {};
  const { type, description, default: initial } = schema;
  const choices = Array.isArray(schema['enum']) ? schema['enum'] : [];
  const isChoice = choices.length > 0 && choices.every((choice) => typeof choice === 'string');
  const kind = isChoice
    ? 'choice'
    : type === 'string'
      ? 'text'
      : type === 'number' || type === 'integer' || type === 'boolean'
        ? type
        : 'json';
  return {
    name,
    kind,
    required: required && initial === undefined,
    description: typeof description === 'string' ? description : undefined,
    choices: isChoice ? choices : [],
    initial: initial === undefined ? '' : typeof initial === 'string' ? initial : JSON.stringify(initial),
  };
}

/** JSON text of the input: numbers stay as they are typed, and fields that are empty are left out. Throws SyntaxError for what is no JSON. */
export function inputText(fields: readonly Field[], values: Readonly<Record<string, string>>): string {
  const members = fields.flatMap(({ name, kind, required }) => {
    const value = values[name] ?? '';
    if (value === '' && !(required && kind === 'text')) return [];
    return [`${JSON.stringify(name)}:${memberText(kind, value)}`];
  });
  return `{${members.join(',')}}`;
}

function memberText(kind: Field['kind'], value: string): string {
  if (kind === 'text' || kind === 'choice') return JSON.stringify(value);
  JSON.parse(value);
  return value;
}
