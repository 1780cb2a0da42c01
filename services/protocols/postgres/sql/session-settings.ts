import type { Context } from './context.ts';
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
  if (!isHarmlessSetting(name, values, context.pinnedSearchPath)) context.findings.set(name);
}

/** RESET and SET ... TO DEFAULT. */
export function noteDefault(context: Context, written: string): void {
  const name = settingName(written);
  if (!isHarmlessDefault(name)) context.findings.set(name);
}
