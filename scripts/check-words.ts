/**
 * Keeps one language: refuses words that have a plain or standard one in docs/glossary.md. `node scripts/check-words.ts [path...]`
 * prints every finding as file:line: word -> what to say, and exits 1 if there is one. It reads comments, messages, identifiers
 * and file names of the code, titles of tests, and documents. Names on the wire keep their words: they are metrics, columns,
 * causes, settings, statement labels and stored keys, written in snake_case, in capitals or listed in WIRE_NAMES.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

type Kind = 'code' | 'comment' | 'message' | 'title' | 'document' | 'file name';

interface Word {
  pattern: RegExp;
  instead: string;
  /** The files in which the word is refused, if not in all. */
  within?: RegExp;
}

/** Read in everything that is written for people. */
const PROSE: readonly Word[] = [
  {
    pattern: /\bso (many|long|much|often)\b(?! as\b)/gi,
    instead: 'the number with its unit, "this many", "as long as"',
  },
  { pattern: /\banswers\b/gi, instead: 'returns; responses' },
  { pattern: /\b(un)?told\b/gi, instead: 'recorded, notified, configured' },
  { pattern: /\b(hears?|heard)\b/gi, instead: 'receives, received' },
  { pattern: /\btells? (the|every|its|everybody|whoever|us|an?|what) /gi, instead: 'notifies, reports, records' },
  { pattern: /(?<=\/\*\* |\. )(Tells|Says|Hears|Knows) /g, instead: 'Reports, returns' },
  { pattern: /\bunheard\b/gi, instead: 'undelivered' },
  {
    pattern:
      /\b(database|process|worker|server|scheduler|pooler|client|engine|driver|PostgreSQL|pg-boss|statement|function|verb|migration|handler|test|view|thread)(e?s)? (tells?|hears?|heard|answer(s|ed)?|looks?|says?|said|speaks?|asks?|asked|knows?)\b/g,
    instead: 'returns, reports, reads, finds, has: software is no person',
  },
  { pattern: /\b(nobody|database|server|it) (has )?answered\b/gi, instead: 'responded, returned' },
  {
    pattern:
      /\b(a|an|the|next|last|each|every|one|two|rest|another|first|further|such a|many) looks?\b(?!-| (up|like|at how))/gi,
    instead: 'poll, check, idle check',
  },
  { pattern: /\b(looks? at rest|at rest|rest looks?)\b/gi, instead: 'idle, idle check' },
  {
    pattern: /\b(undefined|null|nothing|none|false|true|empty|rejects|throws|0|1|also|even|not|only|except) where\b/gi,
    instead: 'if',
  },
  {
    pattern:
      /(?<!\b(is|was|to|from|of|place|line|file|folder|point)\s+)\bwhere (nobody|nobody's|nothing|none|no|not|there (is|are|was|were)( no)?|another|others?|some|somebody|more|fewer|less|neither|both|this is|that (is|was|has|does|would|can|had)|they are not|it (is|was|has) (not|no)|necessary|needed|possible)\b/gi,
    instead: 'if',
  },
  { pattern: /, where (the|an?|it|they|its|this|that|we|one|each|both|all) /g, instead: 'if; in which' },
  { pattern: /(?<=(^|[.:;*] ))Where (the|an?|it|they|one|both|each) [^.;:?]{3,90}, /g, instead: 'If' },
  {
    pattern:
      /\b(\w+Error|refused|once|twice|again|right|wrong|fails|ready|changed|stopped|known|given) where (?!to )/gi,
    instead: 'if',
  },
  { pattern: /\b(say|says|said) goodbye\b|\bgoodbyes?\b|\blast words\b/gi, instead: 'deregister, final writes' },
  { pattern: /\bpatiently\b|\b(no )?hurry\b/gi, instead: 'with retries; at once; not latency-sensitive' },
  { pattern: /\bstrand(s|ed)?\b/gi, instead: 'leave unfinalized, leave unfinished' },
  { pattern: /\bstray(s| claims?)?\b/gi, instead: 'orphaned claims' },
  { pattern: /\bunsettled\b|\bsettl(e|es|ed|ing) (an? |the |its |their |those |of )?tasks?\b/gi, instead: 'finalize' },
  { pattern: /\bpardon(s|ed)?\b/gi, instead: 'uncharged crash' },
  { pattern: /\b(re-queues?|requeues?)\b/gi, instead: 'enqueue due retries, put back in the queue' },
  { pattern: /\breconsider(s|ed)?\b/gi, instead: 'reevaluate' },
  { pattern: /\bancestor\b(?! of)/gi, instead: 'Tasker (Ruby)' },
  { pattern: /\bbehind fences\b|\b(write |old )fences\b/gi, instead: 'write guards' },
  { pattern: /\bfused (claims?|rounds?)\b/gi, instead: 'chained claim' },
];

/** Read in identifiers, and in comments that name them. */
const NAMES: readonly Word[] = [
  { pattern: /\bFlusher\w*/g, instead: 'Completer' },
  {
    pattern: /(?<!notifier\.)\bflush(e[drs]|ing)?\b|\bflush[A-Z]\w*|\b[a-z]\w*Flush\w*/g,
    instead: 'complete a batch',
    within: /^(src|test)\/worker\//,
  },
  { pattern: /\b[a-z]\w*Told\b|\bTold\b|\btold[A-Z]\w*/g, instead: 'recorded, Recorded' },
  { pattern: /\buntold\b|\bUNTOLD\b|\b\w+_UNTOLD\b|\bunheard\b/g, instead: 'unrecorded, undelivered' },
  { pattern: /\bStepRunner\w*|\bstepRunner\w*/g, instead: 'Executor' },
  { pattern: /\bStepCatalogue\w*|\bstepCatalogue\w*|\bStepKinds?\b/g, instead: 'HandlerRegistry, StepType' },
  { pattern: /\bRunningSteps?\b|\brunningSteps\b/g, instead: 'RunningAttempts, RunningAttempt' },
  { pattern: /\bPoller\w*|\bpoller\w*/g, instead: 'Claimer' },
  { pattern: /\bScanFloor\w*|\bscanFloor\w*/g, instead: 'ClaimCursor' },
  { pattern: /\bOpenClaims\w*|\bopenClaims\b/g, instead: 'ClaimLedger' },
  { pattern: /\bClaimWatch\w*|\bclaimWatch\w*/g, instead: 'ClaimReconciler' },
  { pattern: /\bstrays?\b|\b[a-z]\w*Strays?\w*|\bstray[A-Z]\w*/g, instead: 'orphaned claims' },
  { pattern: /\bRestLook\w*|\brestLook\w*|\blookAtRest\w*|\blook(ed)?\b(?=\(|\s?[=?:])/g, instead: 'idleCheck, poll' },
  {
    pattern: /\b(?!hintedPoll)hinted[A-Z]\w*|\bhint[A-Z]\w*|\b[a-z]\w*Hints?\b|\b[a-z]\w*Hinted\w*/g,
    instead: 'notification, notificationsLive',
  },
  {
    pattern: /\b(?!fusedClaims\b)fused[A-Z]\w*|\b[a-z]\w*Fused\w*|\bFused\w*|\bFUSED_ROUNDS\b/g,
    instead: 'chained claim',
  },
  { pattern: /\bscarce\b|\bplenty\b/g, instead: 'ranked, unranked' },
  {
    pattern:
      /\bsettle(Task|Stranded|Unsettled)\w*|\bsettle(?=\()|\b[a-z]\w*Unsettled\w*|\b[a-z]\w*Stranded\w*|\bendStuck\w*/g,
    instead: 'finalize, unfinalized, failUnrunnableTasks',
  },
  { pattern: /\brequeue(?!d|_)\w*|\bretryDue\b/g, instead: 'enqueueDueRetries' },
  { pattern: /\bpardon(?!ed\b)\w*|\bMOST_PARDONS\b/g, instead: 'uncharged, MAX_UNCHARGED_CRASHES' },
  { pattern: /\bLAST_WORDS\w*|\blastWords\w*|\b(say)?[gG]oodbye\w*/g, instead: 'FINAL_WRITE_TIMEOUT_MS, deregister' },
  { pattern: /\bpatiently\b|\bhurry\w*|\b[a-z]\w*Hurry\b/g, instead: 'withRetry; runNow, abortDrain' },
  { pattern: /\breconsider\w*/g, instead: 'reevaluateTask' },
  {
    pattern: /\bancestor(?!s)\w*|\b[a-z]\w*Ancestor(?!s)\w*|\bAncestor(?!s)\w*/g,
    instead: 'Tasker (Ruby): rubyTasker',
  },
  { pattern: /\bfences?\b|\b[a-z]\w*Fences?\b/g, instead: 'write guards', within: /^migrations\// },
  { pattern: /\bworkerIdOrNone\b|\bjoinedId\b/g, instead: 'lease.current' },
  { pattern: /\bkeepsOrder\b/g, instead: "plans: 'pinned' | 'free'" },
  {
    pattern: /\bendsWhenStalled\b|\bactMetadata\b|\brecoverDead\b|\bexpireWorkers\b/g,
    instead: 'see docs/glossary.md',
  },
];

/** Read in the names of files, whose words are divided by hyphens. */
const FILES =
  /(?<=^|[-_])(untold|told|unheard|strays?|stranded|goodbye|fences|hints?|flush(er)?|poller|reconsider|requeue|settle|scarce|ancestor|patiently|pardon|rest-look|look-at-rest|step-runner|step-catalogue|scan-floor|open-claims|claim-watch)(?=[-._]|$)/g;

/** What looks like a banned word and is a name that others read, or belongs to a library. The first is a method of the public WorkerProcess. */
const WIRE_NAMES =
  /\bhurry\b(?=\??\.?\(|: \(\))|\bmetadata\.pardoned\b|'pardoned'|\ballSettled\b|\bflushHeaders\b|\bflushSync\b|\bhintedPollIntervalMs\b|\b(readOnly|destructive|openWorld)Hint\b|\bTASKER_[A-Z_]+|\btasker_[a-z_]+|--[a-z-]+/g;

const DEFAULT_PATHS =
  'src dashboard migrations test bench scripts examples docs deploy README.md CHANGELOG.md CONTRIBUTING.md'.split(' ');

/** Generated from texts that are checked where they are written; or data. */
const SKIPPED =
  /(^|\/)(node_modules|dist|data|generated)\/|^docs\/reference\/|\.generated\.ts$|^deploy\/(.*\/)?monitoring\//;

export interface Finding {
  file: string;
  line: number;
  word: string;
  instead: string;
}

/** The first alternative that fits at a place wins, so that a quotation mark in a comment begins no string. */
const TOKENS =
  /(\/\*[\s\S]*?\*\/|\/\/[^\n]*)|('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`)|(?<=[=(,:[!&|?{};]\s*)(\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/)/g;
const TITLE = /(\b(describe|it|test)(\.\w+)*|\.(each|for)\([^;]*\))\(\s*$/;
const SQL = /\b(SELECT|UPDATE|INSERT|DELETE|FROM|WHERE|CREATE|ALTER)\b/;

const blank = (text: string): string => text.replaceAll(/[^\n]/g, ' ');

/** The parts of a TypeScript file that are read, each as long as the file, with everything else blank. */
function partsOf(text: string, isTest: boolean): Map<Kind, string> {
  const parts = { code: '', comment: '', message: '', title: '' };
  const add = (kind: keyof typeof parts | undefined, piece: string): void => {
    for (const each of Object.keys(parts) as (keyof typeof parts)[])
      parts[each] += each === kind ? piece : blank(piece);
  };
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    add('code', text.slice(end, match.index));
    end = match.index + match[0].length;
    const [piece, comment, literal] = match;
    if (comment !== undefined) add('comment', piece);
    else if (literal === undefined || !literal.includes(' ') || SQL.test(literal)) add(undefined, piece);
    else if (!isTest) add('message', piece);
    else add(TITLE.test(text.slice(0, match.index).slice(-200)) ? 'title' : undefined, piece);
  }
  add('code', text.slice(end));
  return new Map(Object.entries(parts) as [Kind, string][]);
}

/** Fenced blocks and quoted names are code that a document shows. */
const withoutCode = (text: string): string => text.replaceAll(/^ *```[\s\S]*?^ *```|`[^`\n]*`/gm, blank);

/** Lines of one sentence are read as one, so that a pattern finds words at both sides of a line's end. */
const joined = (text: string): string =>
  text.replaceAll(/\n[ \t]*(\*(?!\/)|\/\/|#)?/g, (found) => ' '.repeat(found.length));

export function checkText(file: string, text: string): Finding[] {
  const isTest = file.startsWith('test/') || file.includes('.test.');
  const parts = /\.tsx?$/.test(file)
    ? partsOf(text, isTest)
    : new Map<Kind, string>([['document', file.endsWith('.md') ? text : text.replaceAll(/^[^#\n]*/gm, blank)]]);
  const found: Finding[] = [];
  for (const [kind, part] of parts) {
    const seen = part.replaceAll(WIRE_NAMES, blank);
    const prose = joined(kind === 'comment' || kind === 'document' ? withoutCode(seen) : seen);
    const words = [
      ...(kind === 'code' ? [] : search(PROSE, file, prose)),
      ...(kind === 'code' || kind === 'comment' ? search(NAMES, file, seen) : []),
    ];
    // A word that two patterns find is one finding.
    for (const { index, ...rest } of new Map(words.map((word) => [`${word.index} ${word.word}`, word])).values())
      found.push({ file, line: text.slice(0, index).split('\n').length, ...rest });
  }
  for (const [word] of /\.tsx?$/.test(file) ? basename(file).matchAll(FILES) : [])
    found.push({ file, line: 1, word, instead: 'the word of the glossary' });
  return found.toSorted((one, other) => one.line - other.line);
}

function search(
  words: readonly Word[],
  file: string,
  text: string,
): (Omit<Finding, 'file' | 'line'> & { index: number })[] {
  return words
    .filter(({ within }) => within === undefined || within.test(file))
    .flatMap(({ pattern, instead }) =>
      [...text.matchAll(new RegExp(pattern.source.replaceAll(' ', String.raw`\s+`), pattern.flags))].map(
        ({ 0: word, index }) => ({ index, word: word.replaceAll(/\s+/g, ' '), instead }),
      ),
    );
}

/** Checks the files below `paths`, which are relative to `root`. */
export function checkWords(root: string, paths: readonly string[]): Finding[] {
  return paths
    .flatMap((path) => (statSync(join(root, path)).isFile() ? [path] : filesBelow(root, path)))
    .filter((file) => /\.(tsx?|md|ya?ml|sh|ini)$/.test(file) && !SKIPPED.test(file))
    .flatMap((file) => checkText(file, readFileSync(join(root, file), 'utf8')));
}

function filesBelow(root: string, path: string): string[] {
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .toSorted();
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const given = process.argv.slice(2).map((path) => relative(root, resolve(path)));
  const findings = checkWords(root, given.length > 0 ? given : DEFAULT_PATHS);
  for (const { file, line, word, instead } of findings) console.error(`${file}:${line}: ${word} -> ${instead}`);
  if (findings.length > 0) {
    console.error(`${findings.length} words to replace`);
    process.exitCode = 1;
  } else console.log('the words are those of docs/glossary.md');
}
