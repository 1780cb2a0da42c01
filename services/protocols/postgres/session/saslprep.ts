import {
  leftToRight,
  mappedToNothing,
  nonAsciiSpaces,
  prohibited,
  rightToLeft,
  unassigned,
} from './stringprep-tables.ts';

const ascii = /^[\0-\x7f]*$/;

/**
 * A password as PostgreSQL prepares it before it hashes it: SASLprep (RFC 4013), but a password that SASLprep prohibits is taken as it is,
 * since servers have stored such ones from other encodings (src/common/saslprep.c, src/backend/libpq/auth-scram.c). Like PostgreSQL, and
 * unlike the RFC, it leaves pure ASCII alone, control characters included, and checks what stands before the normalisation.
 */
export function saslprep(password: string): string {
  if (ascii.test(password)) return password;
  const mapped = Array.from(password, (character) =>
    // U+200B is in both tables; PostgreSQL looks for spaces first.
    nonAsciiSpaces.test(character) ? ' ' : mappedToNothing.test(character) ? '' : character,
  ).join('');
  return isAcceptable(mapped) ? mapped.normalize('NFKC') : password;
}

function isAcceptable(mapped: string): boolean {
  if (mapped === '' || prohibited.test(mapped) || unassigned.test(mapped)) return false;
  if (!rightToLeft.test(mapped)) return true;
  const characters = [...mapped];
  const ends = [characters[0] ?? '', characters.at(-1) ?? ''];
  return !leftToRight.test(mapped) && ends.every((character) => rightToLeft.test(character));
}
