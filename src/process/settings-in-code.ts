import { CATALOGUE } from '../config/catalogue.ts';
import type { SettingName } from '../config/config.ts';
import { InvalidInputError } from '../errors.ts';
import { didYouMean } from '../workflow/did-you-mean.ts';

/** Settings by their names in `Config`, as a program writes them; a list may be one text with commas. */
export type SettingsInCode = Readonly<
  Partial<Record<SettingName, string | number | boolean | readonly string[] | undefined>>
>;

/** The texts that `loadConfig` takes, which checks them. Throws InvalidInputError for a setting that does not exist. */
export function settingTexts(settings: SettingsInCode): Partial<Record<SettingName, string>> {
  const texts: Partial<Record<SettingName, string>> = {};
  for (const [name, value] of Object.entries(settings)) {
    if (!Object.hasOwn(CATALOGUE, name)) {
      throw new InvalidInputError(
        `settings names "${name}", which is no setting${didYouMean(name, Object.keys(CATALOGUE))}`,
        { field: 'settings' },
      );
    }
    if (value !== undefined) texts[name as SettingName] = String(value);
  }
  return texts;
}
