/** What a handler hands back, made fit for the database: its result, and what it throws. */
export { describeThrown, type ThrownDescription } from './describe-thrown.ts';
export { type StorableJson, type StorableOptions, toStorableJson } from './to-storable-json.ts';
