/** `1 task`, `2 tasks`: for lines that people read. `many`: if it is not the word with an s. */
export const amountOf = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
