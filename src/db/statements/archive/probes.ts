/** Bits that each key sets in the filter of a record: the best number for 10 bits a key. */
export const PROBES = 7;
