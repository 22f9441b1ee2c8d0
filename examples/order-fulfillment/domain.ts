/**
 * The business rules for an order. Pure: the same order gives the same results, on any worker, in any sequence and however
 * often a step runs, so the result of a whole run is known from the data alone (see expectations.ts).
 *
 * Stock is checked against the stock list of the data, for each order by itself: orders do not reduce it for each other, and
 * none waits for another.
 */
import { type Cents, exactText, hundredths, type HundredthsOfCent, roundHalfUp } from './money.ts';
import type { Catalogue, Order, OrderLine } from './northwind.ts';

export const CURRENCY = 'USD';

/** Above this list value, a customer pays before the goods leave; at or below, within 30 days. */
export const CREDIT_LIMIT_CENTS: Cents = 500_000;

const CARRIERS: ReadonlyMap<number, { name: string; prefix: string }> = new Map([
  [1, { name: 'Speedy Express', prefix: 'SPX' }],
  [2, { name: 'United Package', prefix: 'UPK' }],
  [3, { name: 'Federal Shipping', prefix: 'FED' }],
]);

/** The problems of the order, one sentence each; if there are none, it can be fulfilled. */
export function orderProblems(order: Order, { products, customers }: Catalogue): string[] {
  const problems: string[] = [];
  if (!customers.has(order.customer_id)) problems.push(`customer_id ${order.customer_id} is not a customer`);
  if (!CARRIERS.has(order.ship_via)) problems.push(`ship_via ${order.ship_via} is not a carrier`);
  if (order.lines.length === 0) problems.push('the order has no lines');
  const seen = new Set<number>();
  for (const line of order.lines) {
    if (!products.has(line.product_id)) problems.push(`product_id ${line.product_id} is not a product`);
    if (seen.has(line.product_id)) problems.push(`product_id ${line.product_id} is on two lines`);
    if (!Number.isInteger(line.quantity) || line.quantity <= 0) {
      problems.push(`quantity of product ${line.product_id} is ${line.quantity}: it must be an integer above 0`);
    }
    if (hundredths(line.discount, 'discount') >= 100)
      problems.push(`discount of product ${line.product_id} is not below 1`);
    seen.add(line.product_id);
  }
  return problems;
}

/** unit_price * quantity * (1 - discount), exact. */
export function lineTotal(line: OrderLine): HundredthsOfCent {
  return hundredths(line.unit_price, 'unit_price') * line.quantity * (100 - hundredths(line.discount, 'discount'));
}

export interface Price {
  /** The exact total, four decimals. */
  total: string;
  /** What is charged: the exact total in whole cents, half up. */
  amount_cents: Cents;
}

export function priceOf(order: Order): Price {
  const total = order.lines.reduce((sum, line) => sum + lineTotal(line), 0);
  return { total: exactText(total), amount_cents: roundHalfUp(total) };
}

export interface StockCheck {
  lines: { product_id: number; quantity: number; available: number }[];
  /** Products that have no successor once the shelf is empty. */
  discontinued_product_ids: number[];
}

export function checkStock(order: Order, { products }: Catalogue): StockCheck {
  return {
    lines: order.lines.map(({ product_id, quantity }) => ({
      product_id,
      quantity,
      available: Math.min(quantity, products.get(product_id)?.units_in_stock ?? 0),
    })),
    discontinued_product_ids: order.lines
      .map(({ product_id }) => product_id)
      .filter((id) => products.get(id)?.discontinued === true),
  };
}

export type PaymentTerms = 'net_30' | 'prepaid';

export interface Credit {
  terms: PaymentTerms;
  /** The order at list price: an upper bound of its price that needs no pricing, so both run at once. */
  list_value_cents: Cents;
}

export function checkCredit(order: Order): Credit {
  const listValue = order.lines.reduce(
    (sum, line) => sum + hundredths(line.unit_price, 'unit_price') * line.quantity,
    0,
  );
  return { terms: listValue > CREDIT_LIMIT_CENTS ? 'prepaid' : 'net_30', list_value_cents: listValue };
}

export interface Allocation {
  allocated_units: number;
  backordered_units: number;
  /** Products that were promised in full. */
  complete_lines: number;
}

export function allocate(stock: StockCheck): Allocation {
  const allocated = stock.lines.reduce((sum, line) => sum + line.available, 0);
  const ordered = stock.lines.reduce((sum, line) => sum + line.quantity, 0);
  return {
    allocated_units: allocated,
    backordered_units: ordered - allocated,
    complete_lines: stock.lines.filter((line) => line.available === line.quantity).length,
  };
}

export interface Shipment {
  carrier: string;
  tracking_number: string;
  shipped_units: number;
  backordered_units: number;
}

export function ship(order: Order, allocation: Allocation): Shipment {
  const carrier = CARRIERS.get(order.ship_via);
  if (carrier === undefined) throw new RangeError(`ship_via ${order.ship_via} is not a carrier`);
  return {
    carrier: carrier.name,
    tracking_number: `${carrier.prefix}-${order.order_id}`,
    shipped_units: allocation.allocated_units,
    backordered_units: allocation.backordered_units,
  };
}

export function notificationText(order: Order, shipment: Shipment): string {
  const later = shipment.backordered_units > 0 ? `, ${shipment.backordered_units} to follow` : '';
  return (
    `${order.ship_name}: order ${order.order_id} is on its way with ${shipment.carrier} ` +
    `(${shipment.tracking_number}), ${shipment.shipped_units} units${later}`
  );
}
