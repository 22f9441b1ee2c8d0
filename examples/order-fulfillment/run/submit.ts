import type { Database } from '../../../src/db/database.ts';
import { registerWorkflow } from '../../../src/engine/register-workflow.ts';
import { submit } from '../../../src/engine/submit.ts';
import { identityHash, validateInput } from '../../../src/workflow/index.ts';
import type { Order } from '../northwind.ts';
import { orderFulfillment } from '../workflow.ts';

/**
 * Submits one task per order, all in one statement. The order id is the task's key: an order that has a task already, from
 * an earlier run, gets no second one. Answers how many are new.
 */
export async function submitOrders(db: Database, orders: readonly Order[]): Promise<number> {
  const namedTaskId = await registerWorkflow(db, orderFulfillment);
  const tasks = [];
  for (const order of orders) {
    const input = await validateInput(orderFulfillment, order);
    tasks.push({
      namedTaskId,
      identityHash: identityHash(orderFulfillment, { input, key: String(order.order_id) }),
      context: JSON.stringify(input),
    });
  }
  const submitted = await submit(db, tasks);
  return submitted.filter((each) => each.outcome === 'created').length;
}
