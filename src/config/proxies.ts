import { BlockList, isIP } from 'node:net';

/** `/ops/tasker`: names of letters, digits and `._~-`, so that it is plain text in HTML, in a header and in a cookie. */
const BASE_PATH = /^\/((?!\.{1,2}(\/|$))[\w.~-]+(\/|$))*$/;

export const isBasePath = (text: string): boolean => text.length <= 200 && BASE_PATH.test(text);

/** Addresses and networks (`10.0.0.0/8`). Undefined if one of the texts is neither. */
export function networksOf(names: readonly string[]): BlockList | undefined {
  const list = new BlockList();
  for (const name of names) {
    const [address = '', bits, ...more] = name.split('/');
    const version = isIP(address);
    const most = version === 6 ? 128 : 32;
    if (version === 0 || more.length > 0) return undefined;
    if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > most)) return undefined;
    list.addSubnet(address, bits === undefined ? most : Number(bits), version === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}
