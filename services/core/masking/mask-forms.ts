/**
 * What masks look like (transforms.ts). Whoever reads something, changes it and writes it back whole, writes masks where values were: that
 * would destroy them. A mask that looks like any other value (0, 2000-01-01, the beginning of a month) is not known again.
 */
import { redactedText } from './transforms.ts';
import { fullMask } from './value-kind.ts';

const escaped = (text: string): string => text.replaceAll(/[*[\]]/g, String.raw`\$&`);

const whole = new RegExp(
  `^(?:${[
    escaped(fullMask),
    escaped(redactedText),
    String.raw`[\p{L}\p{N}*]\*{3}@\*{3}\.example`,
    'masked-[0-9a-f]{20}',
    'masked-[a-z]+-[a-z]+',
    String.raw`\*{4}[\p{L}\p{N}*]{1,6}`,
    String.raw`[\p{L}\p{N}*]{1,6}\*{4}`,
  ].join('|')})$`,
  'u',
);

/** The longest of them is `masked-` and two words. */
const maxMaskCharacters = 64;

/** Whether the text is a mask and nothing else, but for quotes and blanks around it. */
export function isMask(text: string): boolean {
  if (text.length > 2 * maxMaskCharacters) return false;
  return whole.test(text.trim().replace(/^"(.*)"$/s, '$1'));
}

const within = [
  (text: string) => text.includes(fullMask),
  (text: string) => text.includes(redactedText),
  (text: string) => /masked-(?:[0-9a-f]{20}|[a-z]+-[a-z]+)/.test(text),
  (text: string) => /[^\s@]\*\*\*@\*\*\*\./.test(text),
  (text: string) => /\*{4}[^*\s]{4}/.test(text),
] as const;

/** Whether a mask stands anywhere in the text: detectors put them into texts that are otherwise as they were. */
export const holdsMask = (text: string): boolean => isMask(text) || within.some((has) => has(text));
