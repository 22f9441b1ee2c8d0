import type { Order } from '../../../../examples/order-fulfillment/northwind.ts';
import { orderFulfillment } from '../../../../examples/order-fulfillment/workflow.ts';
import { releaseOf } from './replace-step.ts';

const [validate] = orderFulfillment.steps;

/** Validates each unit of an order by itself: an order of millions of units does not fit into memory. */
export const unitByUnit = releaseOf(
  'validate',
  {
    retryLimit: 3,
    handler: (context) => {
      const { lines } = context.input as Order;
      const units: { product: number; unit: number }[] = [];
      for (const { product_id: product, quantity } of lines) {
        for (let unit = 1; unit <= quantity; unit += 1) units.push({ product, unit });
      }
      return validate?.handler(context);
    },
  },
  '1.1.0',
);
