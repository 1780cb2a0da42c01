import { unprintableCharacters } from '../../core/model/visible-text.ts';

/**
 * A message of ours, which may quote somebody, as one line for a terminal: what has no glyph is shown as its code point,
 * so that no quote does anything. Unlike `visibleText` it leaves letters and punctuation alone: a message is read, and
 * nobody decides on what it quotes.
 */
export const messageText = (message: string): string =>
  message.replace(
    unprintableCharacters,
    (character) => `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`,
  );

/** The same for a message of several lines. */
export const messageLines = (message: string): string => message.split('\n').map(messageText).join('\n');
