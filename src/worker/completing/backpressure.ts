/**
 * Handlers that end at once free their slots faster than their outcomes can be written. While this many outcomes are unrecorded
 * nothing is claimed, so that they do not pile up in memory and in claims.
 */
export const MAX_UNRECORDED = 2048;
