/**
 * Money without floating point. A price has two decimals and a discount has two, so a discounted line has at most four:
 * every amount is an integer number of **hundredths of a cent** (1/10,000 USD), and sums of them are exact.
 *
 * Rounding happens in two places, both half up:
 *   - revenue is the exact sum of all lines, rounded once: 12,657,930,395 hundredths of a cent are 1,265,793.04 USD;
 *   - a card is charged in whole cents, so each order is rounded by itself. Over the 830 orders those charges come to
 *     1,265,793.22 USD; the 0.18 between the two is not lost but shown as the rounding difference.
 */
export type HundredthsOfCent = number;
export type Cents = number;

/** A decimal text with at most two decimals as an integer of its hundredths: '14' -> 1400, '0.15' -> 15. Throws otherwise. */
export function hundredths(text: string, field: string): number {
  const match = /^(\d{1,10})(?:\.(\d{1,2}))?$/.exec(text);
  if (match === null)
    throw new RangeError(`${field} is ${JSON.stringify(text)}: use digits with at most two decimals, like 9.80`);
  return Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'));
}

/** Whole cents, half up. Amounts here are never negative. */
export function roundHalfUp(amount: HundredthsOfCent): Cents {
  const rest = amount % 100;
  return (amount - rest) / 100 + (rest >= 50 ? 1 : 0);
}

/** 12657930395 -> '1265793.0395' */
export function exactText(amount: HundredthsOfCent): string {
  return decimalText(amount, 4);
}

/** 126579304 -> '1265793.04' */
export function centsText(amount: Cents): string {
  return decimalText(amount, 2);
}

/** The inverse of `exactText`. */
export function parseExact(text: string): HundredthsOfCent {
  if (!/^\d{1,11}\.\d{4}$/.test(text))
    throw new RangeError(`${JSON.stringify(text)} is not an amount with four decimals`);
  return Number(text.replace('.', ''));
}

function decimalText(amount: number, decimals: number): string {
  const digits = String(Math.abs(amount)).padStart(decimals + 1, '0');
  return `${amount < 0 ? '-' : ''}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}
