import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';

/** The Northwind data set (Microsoft Public License, see data/LICENSE.txt), as read from data/*.csv. */
export interface Product {
  product_id: number;
  product_name: string;
  units_in_stock: number;
  discontinued: boolean;
}

export interface Customer {
  customer_id: string;
  company_name: string;
}

export interface OrderLine {
  product_id: number;
  /** Decimal text in USD, at most two decimals. */
  unit_price: string;
  quantity: number;
  /** Decimal text, 0 to 0.99. */
  discount: string;
}

/** The input of one task. */
export interface Order {
  order_id: number;
  customer_id: string;
  /** YYYY-MM-DD */
  order_date: string;
  required_date: string;
  ship_via: number;
  ship_name: string;
  ship_country: string;
  lines: OrderLine[];
}

export interface Catalogue {
  products: ReadonlyMap<number, Product>;
  customers: ReadonlyMap<string, Customer>;
}

type Row = Record<string, string>;

function readRows(name: string): Row[] {
  const text = readFileSync(new URL(`data/${name}.csv`, import.meta.url), 'utf8');
  return parse(text, { columns: true, skip_empty_lines: true }) as Row[];
}

function field(row: Row, name: string): string {
  const value = row[name];
  if (value === undefined) throw new Error(`a row of the Northwind data has no column ${name}`);
  return value;
}

/** The data that every worker has beside the input of its task. */
export function readCatalogue(): Catalogue {
  return {
    products: new Map(
      readRows('products').map((row) => [
        Number(field(row, 'product_id')),
        {
          product_id: Number(field(row, 'product_id')),
          product_name: field(row, 'product_name'),
          units_in_stock: Number(field(row, 'units_in_stock')),
          discontinued: field(row, 'discontinued') === '1',
        },
      ]),
    ),
    customers: new Map(
      readRows('customers').map((row) => [
        field(row, 'customer_id'),
        { customer_id: field(row, 'customer_id'), company_name: field(row, 'company_name') },
      ]),
    ),
  };
}

/** All orders with their lines, by order id. */
export function readOrders(): Order[] {
  const lines = Map.groupBy(readRows('order_details'), (row) => field(row, 'order_id'));
  return readRows('orders')
    .map((row) => ({
      order_id: Number(field(row, 'order_id')),
      customer_id: field(row, 'customer_id'),
      order_date: field(row, 'order_date'),
      required_date: field(row, 'required_date'),
      ship_via: Number(field(row, 'ship_via')),
      ship_name: field(row, 'ship_name'),
      ship_country: field(row, 'ship_country'),
      lines: (lines.get(field(row, 'order_id')) ?? []).map((line) => ({
        product_id: Number(field(line, 'product_id')),
        unit_price: field(line, 'unit_price'),
        quantity: Number(field(line, 'quantity')),
        discount: field(line, 'discount'),
      })),
    }))
    .sort((a, b) => a.order_id - b.order_id);
}
