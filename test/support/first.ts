/** The first of the items; throws if there is none. */
export function first<Item>(items: readonly Item[]): Item {
  const [item] = items;
  if (item === undefined) throw new Error('expected at least one item, got none');
  return item;
}
