import { InvalidArgumentError } from 'commander';
import { References, secretReference } from '../../core/config/references.ts';
import type { Secret } from '../../core/model/secret.ts';

/** A secret on the command line is a reference to it: other people's `ps` would show the secret itself. */
export function secretOption(text: string): Secret {
  if (!secretReference.test(text)) throw new InvalidArgumentError('It must be env:NAME or file:PATH.');
  const found = new References(process.cwd(), process.env).secret(text);
  if ('fault' in found) throw new InvalidArgumentError(`${found.fault}.`);
  return found.value;
}
