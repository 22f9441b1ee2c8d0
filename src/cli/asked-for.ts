/** ` with --state error --tag vip`: what a list was asked for, for whoever finds it empty. Empty without options. */
export function askedFor(options: Readonly<Record<string, unknown>>, names: readonly string[]): string {
  const given = names
    .filter((name) => options[name] !== undefined && options[name] !== false)
    .map((name) => `${flagOf(name)}${options[name] === true ? '' : ` ${[options[name]].flat().map(word).join(' ')}`}`);
  return given.length === 0 ? '' : ` with ${given.join(' ')}`;
}

/** `rerunOf` is `--rerun-of`. */
const flagOf = (name: string): string => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

const word = (value: unknown): string => {
  const text = String(value);
  return /^[\w@/:.,=-]+$/.test(text) ? text : JSON.stringify(text);
};
