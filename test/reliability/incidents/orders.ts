import { isRefused, plannedFaults } from '../../../examples/order-fulfillment/gateway/faults.ts';
import { type Order, readOrders } from '../../../examples/order-fulfillment/northwind.ts';

/** The carrier that a bad release forgets: Federal Shipping. */
export const LOST_CARRIER = 3;

/** Northwind orders at which the gateway has nothing to complain of, in two heaps by their carrier. */
export class Orders {
  readonly #by = Map.groupBy(
    readOrders().filter(({ order_id: id }) => !isRefused(id) && plannedFaults(id).length === 0),
    ({ ship_via: carrier }) => carrier === LOST_CARRIER,
  );

  /** The next ones; `ofLostCarrier` of them are of the lost carrier. */
  take(count: number, ofLostCarrier = 0): Order[] {
    return [...this.#next(true, ofLostCarrier), ...this.#next(false, count - ofLostCarrier)];
  }

  #next(lost: boolean, count: number): Order[] {
    return this.#by.get(lost)?.splice(0, count) ?? [];
  }
}
