import { readFile } from 'node:fs/promises';
import { InvalidInputError } from '../errors.ts';
import { LOAD_PROFILES, type LoadProfile, loadProfileSchema } from '../scaling/simulation/load-profile.ts';

/** A load profile by its name or from a YAML or JSON file. Throws InvalidInputError, which lists everything that is wrong with it. */
export async function loadProfile(name: string): Promise<LoadProfile> {
  const known = LOAD_PROFILES.find((profile) => profile.name === name);
  if (known !== undefined) return known;
  let text: string;
  try {
    text = await readFile(name, 'utf8');
  } catch {
    throw new InvalidInputError(
      `"${name}" is neither a file that can be read nor a profile (${LOAD_PROFILES.map((profile) => profile.name).join(', ')})`,
    );
  }
  const { parse } = await import('yaml');
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new InvalidInputError(`${name} is neither YAML nor JSON: ${(error as Error).message.split('\n')[0]}`);
  }
  const parsed = loadProfileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'profile'}: ${message}`);
  throw new InvalidInputError(`${name} is no load profile:\n  ${problems.join('\n  ')}`);
}
