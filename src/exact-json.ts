/** As JSON.parse calls it: `source` is the text of a number. */
export type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;

/** Both came with Node 21: before, numbers are what a double makes of them. */
const { rawJSON: raw, isRawJSON: isRaw } = JSON as unknown as {
  rawJSON?: (source: string) => unknown;
  isRawJSON?: (value: unknown) => boolean;
};

/** Reads stored JSON so that JSON.stringify writes every number as it was, with all its digits. */
export function readExactly(text: string): unknown {
  const revive: Reviver = (_key, member, { source }) =>
    typeof member !== 'number' || source === undefined || source === String(member)
      ? member
      : (raw?.(source) ?? member);
  return JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]);
}

/** Whether a value is a number that no double writes so: `readExactly` makes an object of it, which JSON.stringify writes as its digits. */
export const isExactNumber = (value: unknown): boolean => isRaw?.(value) === true;
