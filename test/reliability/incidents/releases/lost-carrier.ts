import type { Order } from '../../../../examples/order-fulfillment/northwind.ts';
import { orderFulfillment } from '../../../../examples/order-fulfillment/workflow.ts';
import { PermanentError } from '../../../../src/errors.ts';
import { releaseOf } from './replace-step.ts';

/** Whoever moved the carriers to a table of their own forgot the third. */
const CARRIERS = new Set([1, 2]);

const [validate] = orderFulfillment.steps;

/** The same version with a mistake in one handler: the graph is the same, so nothing refuses it. */
export const lostCarrier = releaseOf('validate', {
  handler: (context) => {
    const { order_id: id, ship_via: carrier } = context.input as Order;
    if (!CARRIERS.has(carrier)) {
      throw new PermanentError(`order ${id} cannot be fulfilled: ship_via ${carrier} is not a carrier`);
    }
    return validate?.handler(context);
  },
});
