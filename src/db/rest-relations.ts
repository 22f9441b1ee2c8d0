import { REST_RELATIONS } from '../../migrations/whole-schema.ts';

const NAMED = new RegExp(`\\b(${REST_RELATIONS.join('|')})\\b`);

/** Whether a statement names a table or a view that an empty database does not get with its first tables. */
export const namesRest = (text: string): boolean => NAMED.test(text);
