/** The small pieces that the schemas of this folder are made of. */
import { z } from 'zod';
import { suggestion } from '../model/nearest.ts';
import { maxListItems, maxNameCharacters } from './limits.ts';

/**
 * An object in which an unknown key is a mistake. The message of zod's one issue has a line for each of its keys, in
 * their order, so that `ProblemList` can put each in its own place.
 */
export const strict = <Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => unknownKey(key, Object.keys(shape))).join('\n')
        : undefined,
  });

export const unknownKey = (key: string, known: readonly string[]): string =>
  `unknown key "${key}"${suggestion(key, known)}`;

/** One of a closed list of words. `what` has its article: `a verb`. */
export const word = <const Word extends string>(
  what: string,
  words: readonly Word[],
): z.ZodType<Word, Word> => z.enum(words, { error: (issue) => notAWord(what, issue.input, words) });

export const notAWord = (what: string, found: unknown, words: readonly string[]): string =>
  typeof found === 'string'
    ? `"${found}" is not ${what}${suggestion(found, words)}`
    : `must be ${what}, one of ${words.join(', ')}`;

/** A name, or a pattern of names with `*`. */
export const name = z.string().min(1).max(maxNameCharacters);

/** Words or patterns of any kind. */
export const texts = z.array(z.string().min(1).max(1000)).max(maxListItems);

/** How many items a message shows of a list. */
const shownItems = 8;

export const listText = (items: readonly string[]): string =>
  items.length <= shownItems
    ? items.join(', ')
    : `${items.slice(0, shownItems).join(', ')} and ${items.length - shownItems} more`;

export type PlainObject = Readonly<Record<string, unknown>>;

export const isPlainObject = (value: unknown): value is PlainObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The items of a list that may not be one; null stands where an item is no text. */
export const textsIn = (value: unknown): readonly (string | null)[] =>
  Array.isArray(value) ? value.map((item: unknown) => (typeof item === 'string' ? item : null)) : [];
