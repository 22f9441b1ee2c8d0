import { compareTimes } from '../exact-time.ts';
import { InvalidInputError } from '../errors.ts';
import { decodeCursor, sameFilter, type TaskCursor } from '../reads/task-cursor.ts';
import { FILTER_NAMES, type TaskFilter } from '../reads/task-filter.ts';
import { checkScheduleKey } from '../schedules/scheduled-submit.ts';
import { didYouMean } from '../workflow/did-you-mean.ts';
import { FINGERPRINT } from '../workflow/fingerprint.ts';
import { keyProblem } from '../workflow/identity.ts';
import { preview } from '../workflow/preview.ts';
import { namesApart } from './workflow-reference.ts';
import { checkedStates, checkedText, checkedTexts, checkedWhole } from './checked.ts';
import { checkedId } from '../workflow/checked-id.ts';

/**
 * The filter among the options of a list. Refuses names that are none: a filter with a typing error would list everything.
 * `others`: what the options may have besides.
 */
export function checkedFilter(given: TaskFilter, others: readonly string[]): TaskFilter {
  const options = namesApart(given);
  const known = [...FILTER_NAMES, ...others];
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new InvalidInputError(`unknown option ${preview(name)} of a list of tasks${didYouMean(name, known)}`, {
      field: name,
    });
  }
  const { states, namespace, namespaces, workflow, version, key, tags, initiator, schedule, error, fingerprint } =
    options;
  const { requestedSince, requestedBefore, endedSince, endedBefore } = options;
  const { queue, sourceSystem, attemptsFrom, attemptsTo } = options;
  checkedStates(states);
  for (const [field, value] of Object.entries({
    namespace,
    workflow,
    version,
    initiator,
    error,
    queue,
    sourceSystem,
  })) {
    checkedText(field, value);
  }
  if (states?.length === 0) refuse('states', 'is empty: name at least one state, or leave it out');
  checkedTexts('tags', tags);
  checkedTexts('namespaces', namespaces);
  if (tags?.length === 0) refuse('tags', 'is empty: name at least one tag, or leave it out');
  if (error?.trim() === '') refuse('error', 'is empty: give a part of the name, code or message of an error');
  if (fingerprint !== undefined && !FINGERPRINT.test(fingerprint)) {
    refuse(
      'fingerprint',
      `is ${preview(fingerprint)}: use the fingerprint of a group of failures, 12 hexadecimal characters`,
    );
  }
  if (key !== undefined) {
    const problem = keyProblem(key);
    if (problem !== undefined) throw new InvalidInputError(problem, { field: 'key' });
    if (workflow === undefined) refuse('key', 'is given without workflow: a key belongs to one workflow, so name it');
  }
  if (options.rerunOf !== undefined) {
    checkedId(options.rerunOf, 'rerunOf');
    if (key !== undefined)
      refuse('rerunOf', 'is given with key: reruns have identities of their own, so leave one of them out');
  }
  checkInputHas(options.inputHas);
  for (const [field, value] of Object.entries({ attemptsFrom, attemptsTo })) {
    if (value !== undefined) checkedWhole(field, value, 0, 100_000, ' attempts');
  }
  if (schedule !== undefined) checkScheduleKey(schedule);
  for (const [field, value] of Object.entries({ requestedSince, requestedBefore, endedSince, endedBefore })) {
    if (value === undefined || (value instanceof Date && !Number.isNaN(value.getTime()))) continue;
    refuse(field, `is ${preview(value)}: use a valid Date`);
  }
  if (
    requestedSince !== undefined &&
    requestedBefore !== undefined &&
    compareTimes(requestedSince, requestedBefore) >= 0
  ) {
    const times = `${requestedSince.toISOString()} to ${requestedBefore.toISOString()}`;
    refuse('requestedBefore', `is not after requestedSince (${times}): no task can be between them`);
  }
  return Object.fromEntries(
    FILTER_NAMES.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  );
}

const MOST_TERMS = 20;

/** Its texts become a part of one JSON text. */
function checkInputHas(inputHas: unknown): void {
  if (inputHas === undefined) return;
  const isText = (term: unknown): boolean => {
    try {
      return typeof term === 'string' && JSON.parse(term) !== undefined;
    } catch {
      return false;
    }
  };
  const isGood =
    Array.isArray(inputHas) &&
    inputHas.length > 0 &&
    inputHas.length <= MOST_TERMS &&
    inputHas.every((terms: unknown) => Array.isArray(terms) && terms.length > 0 && terms.every(isText));
  if (!isGood) refuse('inputHas', `is ${preview(inputHas)}: use 1 to ${MOST_TERMS} lists of JSON texts`);
}

function refuse(field: string, problem: string): never {
  throw new InvalidInputError(`${field} ${problem}`, { field });
}

/** The cursor that an earlier page returned. A filter may be given beside it if it is the same: the cursor has it. */
export function checkedCursor(text: unknown, filter: TaskFilter): TaskCursor {
  const cursor = decodeCursor(text);
  if (cursor === undefined) {
    refuse('cursor', `is ${preview(text)}, which no page of tasks returned: use nextCursor of a page as it is`);
  }
  const own = checkedFilter(cursor.filter, []);
  if (Object.keys(filter).length > 0 && !sameFilter(filter, own)) {
    refuse('cursor', 'belongs to a list with other filters: leave them out, because the cursor has its own');
  }
  return { ...cursor, filter: own };
}
