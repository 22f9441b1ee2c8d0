/** A program for the tests of process supervision: behaves as its first argument demands, and records that it started. */
import { appendFileSync } from 'node:fs';

const [behaviour, startsFile] = process.argv.slice(2);
if (behaviour === 'stubborn') process.on('SIGTERM', () => console.log('SIGTERM ignored'));
if (behaviour === 'obedient') process.on('SIGTERM', () => process.exit(0));
// Only now: whoever reads this may send a signal at once.
appendFileSync(startsFile as string, `${process.pid}\n`);
console.log(`started as ${behaviour}`);
if (behaviour === 'dying') process.exit(3);
setInterval(() => {}, 1000);
