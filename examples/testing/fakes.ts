import { effects } from '../../src/testing/index.ts';
import { world } from './world.ts';

/** A provider that charges once for each key, as real ones do. */
world.charge = async ({ key, amount }) => {
  effects.record('charge card', { key, value: amount });
  return { receipt: `receipt for ${amount}` };
};

/** A mail server has no keys: it sends whatever it is given. */
world.sendMail = async ({ to }) => effects.record('send mail', { value: to });
