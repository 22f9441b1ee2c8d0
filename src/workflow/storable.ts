/** What a handler hands back, made fit for the database: its result, and what it throws. */
export { describeThrown } from './describe-thrown.ts';
export { toStorableJson } from './to-storable-json.ts';
export { storableText } from './storable-text.ts';
