import type { Client } from '../../../src/index.ts';
import type { Order } from '../northwind.ts';
import { orderFulfillment } from '../workflow.ts';

/**
 * Submits one task per order. The order id is the task's key: an order that has a task already, from an earlier run, gets no
 * second one. Tags are what lists show of a task: without them one order looks like another. Returns how many are new.
 */
export async function submitOrders(client: Client, orders: readonly Order[]): Promise<number> {
  const requests = orders.map((order) => ({
    input: order,
    key: String(order.order_id),
    tags: [`order-${order.order_id}`, order.ship_country],
  }));
  let created = 0;
  for await (const { outcome } of client.submitMany(orderFulfillment, requests)) {
    if (outcome === 'created') created += 1;
  }
  return created;
}
