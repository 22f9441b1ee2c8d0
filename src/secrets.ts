/**
 * Which names mark their value as a secret: one list, for log lines (everything that is logged under such a name) and for the
 * messages and details of errors about an input.
 */

/** One word of a name is enough: `card`, `cardHolder`, `user_password`. */
const WORDS = new Set([
  'authorization',
  'card',
  'cookie',
  'cookies',
  'credential',
  'credentials',
  'csc',
  'cvc',
  'cvc2',
  'cvv',
  'cvv2',
  'dsn',
  'iban',
  'jwt',
  'otp',
  'pan',
  'pass',
  'passphrase',
  'passwd',
  'password',
  'passwords',
  'pin',
  'pwd',
  'secret',
  'secrets',
  'ssn',
  'token',
  'tokens',
]);

/**
 * Searched for in the name without its punctuation: parts whose words have no visible boundary, or whose words alone would
 * match too much.
 */
const PARTS =
  /password|passwd|passphrase|secret|credential|(?:api|access|private|secret|signing|encryption)key|authorization|accountnumber|cardnumber|creditcard|securitycode|socialsecurity|connectionstring|databaseurl|rawheaders|token$/;

/** Words for a number, a length or a kind: `max_tokens`, `token_count`, `card_type` are no secrets. */
const HARMLESS_FIRST = new Set(['max', 'min', 'total', 'prompt', 'completion', 'input', 'output', 'num']);
const HARMLESS_LAST = new Set(['budget', 'count', 'kind', 'length', 'limit', 'size', 'ttl', 'type', 'usage', 'used']);

/** Names recur, and a program has few of them, so decisions are cached. Bounded, for programs that generate names. */
const decided = new Map<string, boolean>();
const MOST_DECIDED = 10_000;
/** No field has a longer name: such a name is not read to its end. */
const MAX_NAME = 200;

export function isSecretName(name: string): boolean {
  const known = decided.get(name);
  if (known !== undefined) return known;
  const secret = decide(name.length > MAX_NAME ? name.slice(0, MAX_NAME) : name);
  if (decided.size < MOST_DECIDED && name.length <= MAX_NAME) decided.set(name, secret);
  return secret;
}

function decide(name: string): boolean {
  const words = name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== '');
  if (words.length > 1 && (HARMLESS_LAST.has(words.at(-1) as string) || HARMLESS_FIRST.has(words[0] as string))) {
    return false;
  }
  return words.some((word) => WORDS.has(word)) || PARTS.test(words.join(''));
}

/** A text with the password of any connection URL in it hidden. */
export function hidePasswords(text: string): string {
  if (!text.includes('://')) return text;
  return text.replaceAll(/(\w+:\/\/[^\s:/@]*):[^\s@/]+@/g, '$1:[redacted]@');
}
