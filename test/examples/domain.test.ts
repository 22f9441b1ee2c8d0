import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import {
  allocate,
  checkCredit,
  checkStock,
  lineTotal,
  orderProblems,
  priceOf,
} from '../../examples/order-fulfillment/domain.ts';
import { expectationsOf, NORTHWIND_REVENUE_CENTS } from '../../examples/order-fulfillment/expectations.ts';
import { REFUSED_ORDER_IDS } from '../../examples/order-fulfillment/gateway/faults.ts';
import { centsText, exactText, hundredths, parseExact, roundHalfUp } from '../../examples/order-fulfillment/money.ts';
import { type Order, readCatalogue, readOrders } from '../../examples/order-fulfillment/northwind.ts';

const orders = readOrders();
const catalogue = readCatalogue();
const order: Order = {
  order_id: 1,
  customer_id: 'ALFKI',
  order_date: '1996-07-04',
  required_date: '1996-08-01',
  ship_via: 1,
  ship_name: 'Alfreds Futterkiste',
  ship_country: 'Germany',
  lines: [{ product_id: 1, unit_price: '9.8', quantity: 10, discount: '0.15' }],
};

describe('money', () => {
  test('a line total keeps all four decimals', () => {
    expect(exactText(lineTotal({ product_id: 1, unit_price: '2.05', quantity: 3, discount: '0.05' }))).toBe('5.8425');
  });

  test('half a cent is rounded up, less is dropped', () => {
    expect([roundHalfUp(149), roundHalfUp(150), roundHalfUp(200), roundHalfUp(0)]).toEqual([1, 2, 2, 0]);
  });

  test.each(['9.801', '-1', '1e3', '', ' 1', '1.', 'NaN'])('%j is not a decimal text', (text) => {
    expect(() => hundredths(text, 'unit_price')).toThrow(/^unit_price is /);
  });

  test('an exact amount survives the way through its text', () => {
    expect(parseExact(exactText(12_657_930_395))).toBe(12_657_930_395);
    expect(exactText(7)).toBe('0.0007');
    expect(() => parseExact('1.5')).toThrow('four decimals');
  });
});

describe('the rules', () => {
  test('an order in the data set has nothing wrong with it', () => {
    expect(orders.flatMap((each) => orderProblems(each, catalogue))).toEqual([]);
  });

  test('every problem of an order is named', () => {
    const line = { product_id: 999, unit_price: '1', quantity: 0, discount: '1' };
    expect(orderProblems({ ...order, customer_id: 'NOBODY', ship_via: 9, lines: [line, line] }, catalogue)).toEqual([
      'customer_id NOBODY is not a customer',
      'ship_via 9 is not a carrier',
      'product_id 999 is not a product',
      'quantity of product 999 is 0: it must be an integer above 0',
      'discount of product 999 is not below 1',
      'product_id 999 is not a product',
      'product_id 999 is on two lines',
      'quantity of product 999 is 0: it must be an integer above 0',
      'discount of product 999 is not below 1',
    ]);
    expect(orderProblems({ ...order, lines: [] }, catalogue)).toEqual(['the order has no lines']);
  });

  test('what is not on the shelf is backordered', () => {
    // 39 units of product 1 are in stock, none of product 5.
    const lines = [
      { product_id: 1, unit_price: '18', quantity: 40, discount: '0' },
      { product_id: 5, unit_price: '21.35', quantity: 2, discount: '0' },
      { product_id: 3, unit_price: '10', quantity: 13, discount: '0' },
    ];
    const stock = checkStock({ ...order, lines }, catalogue);
    expect(stock.discontinued_product_ids).toEqual([1, 5]);
    expect(allocate(stock)).toEqual({ allocated_units: 52, backordered_units: 3, complete_lines: 1 });
  });

  test('an order above 5,000.00 at list price is prepaid, whatever its discount', () => {
    const line = { product_id: 1, unit_price: '500', quantity: 10, discount: '0.25' };
    expect(checkCredit({ ...order, lines: [line] })).toEqual({ terms: 'net_30', list_value_cents: 500_000 });
    expect(checkCredit({ ...order, lines: [{ ...line, unit_price: '500.01' }] })).toEqual({
      terms: 'prepaid',
      list_value_cents: 500_010,
    });
  });
});

/** A decimal text as an integer of its millionths. */
function scaled(text: string | undefined): bigint {
  const [whole, decimals = ''] = (text ?? '').split('.');
  return BigInt(`${whole}${decimals.padEnd(6, '0')}`);
}

describe('what a run must come to', () => {
  test('the revenue of all 830 orders is 1,265,793.04, by the program and by big integers over the bare file', () => {
    const file = new URL('../../examples/order-fulfillment/data/order_details.csv', import.meta.url);
    const rows = parse(readFileSync(file, 'utf8'), { columns: true }) as Record<string, string>[];
    const exact = rows.reduce(
      (sum, row) =>
        sum + scaled(row['unit_price']) * BigInt(row['quantity'] ?? '') * (1_000_000n - scaled(row['discount'])),
      0n,
    );
    // Twelve decimals: half a cent is 5 * 10^9 of them.
    expect((exact + 5_000_000_000n) / 10_000_000_000n).toBe(126_579_304n);

    const expected = expectationsOf(orders, catalogue);
    expect(orders).toHaveLength(830);
    expect(expected.revenue_cents).toBe(NORTHWIND_REVENUE_CENTS);
    expect(centsText(expected.revenue_cents)).toBe('1265793.04');
    expect(exactText(expected.total)).toBe('1265793.0395');
  });

  test('charged and refused amounts add up to the exact revenue and the rounding of each order', () => {
    const expected = expectationsOf(orders, catalogue);
    expect((expected.charged_cents + expected.refused_cents) * 100).toBe(expected.total + expected.rounding);
    expect(exactText(expected.rounding)).toBe('0.1805');
    expect(orders.reduce((sum, each) => sum + priceOf(each).amount_cents, 0)).toBe(126_579_322);
  });

  test('seven orders are refused, and block three of their eight steps each', () => {
    const expected = expectationsOf(orders, catalogue);
    expect(expected.refused_order_ids).toEqual(REFUSED_ORDER_IDS);
    expect(expected.tasks).toEqual({ complete: 823, error: 7 });
    expect(expected.steps).toEqual({ complete: 823 * 8 + 7 * 5, error: 7, pending: 14 });
    expect(expected.charges.size).toBe(823);
  });

  test('every kind of fault happens among the first 60 orders', () => {
    const expected = expectationsOf(orders.slice(0, 60), catalogue);
    expect(Object.keys(expected.faults).toSorted()).toEqual([
      'charged_then_hung',
      'charged_then_reset',
      'failed',
      'hung',
      'unavailable',
    ]);
    expect(expected.refused_order_ids).toEqual([10_255, 10_296]);
  });
});
