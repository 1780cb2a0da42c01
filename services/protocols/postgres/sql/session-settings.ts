import type { OtherSchemas } from './analysis.ts';
import type { Context } from './context.ts';
import { mergeOtherSchemas } from './other-schemas.ts';
import {
  changesMeaning,
  emptiesSearchPath,
  isHarmlessDefault,
  isHarmlessSetting,
  type SettingValue,
  settingName,
} from './settings.ts';

/** A parameter is set: to constants, or (`null`) to what only shows when it runs. */
export function noteSetting(context: Context, written: string, values: SettingValue): void {
  const name = settingName(written);
  if (emptiesSearchPath(name, values)) context.findings.emptiesSearchPath = true;
  if (changesMeaning(name)) context.findings.setsMeaning = true;
  if (isHarmlessSetting(name, values, context.pinnedSearchPath)) return;
  context.findings.set(name);
  noteOtherSchemas(context, name, values);
}

/** What a rule may let through; names behind it are then looked up as widely as that could make it. */
function noteOtherSchemas({ findings }: Context, name: string, values: SettingValue): void {
  const merge = (other: OtherSchemas): void => {
    findings.otherSchemas = mergeOtherSchemas(findings.otherSchemas, other);
  };
  if (name === 'role' || name === 'session_authorization') merge([]);
  if (name !== 'search_path') return;
  merge(values === null || values.includes('$user') ? 'any' : values);
}

/** Only the server knows which parameter it is. */
export function noteUnknownSetting({ findings }: Context): void {
  findings.otherSchemas = 'any';
}

/** RESET and SET ... TO DEFAULT. */
export function noteDefault(context: Context, written: string): void {
  const name = settingName(written);
  if (!isHarmlessDefault(name)) context.findings.set(name);
}
