import type { Command } from 'commander';
import { examples } from '../options.ts';
import { note, print } from '../screen.ts';
import { forgetToken, tokenFile } from '../token-store.ts';

export function define(command: Command): void {
  command
    .description('Forget the token that "sallyport login" has kept.')
    .addHelpText('after', examples('sallyport logout'))
    .action(run);
}

async function run(): Promise<void> {
  const forgotten = await forgetToken(process.env);
  print(forgotten ? `Logged out: ${tokenFile(process.env)} is gone.` : 'You were not logged in.');
  if ((process.env['SALLYPORT_TOKEN'] ?? '') !== '')
    note('SALLYPORT_TOKEN is still set, and goes before it.');
}
