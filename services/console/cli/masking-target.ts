import { Option } from 'commander';
import { messageOf } from '../../core/model/errors.ts';
import type { Secret } from '../../core/model/secret.ts';
import { visibleText } from '../../core/model/visible-text.ts';
import { maskingKey } from '../../masking-key.ts';
import { protocols } from '../../protocols/index.ts';
import type { MaskInstaller, Protocol } from '../../protocols/protocol.ts';
import { wholeConfig } from './config-files.ts';
import { CliError } from './errors.ts';
import { tooManyMaskSets } from './online-check.ts';
import { waitingFor } from './screen.ts';
import { secretOption } from './secret-option.ts';
import { targetOf } from './what-if.ts';

export interface MaskingOptions {
  readonly config: string;
}

export interface ScriptOptions extends MaskingOptions {
  readonly print?: boolean;
  readonly admin?: string;
  readonly adminPassword?: Secret;
}

export const printOption = (): Option =>
  new Option('--print', 'print the SQL, and run nothing; it has secrets in it, so pipe it').conflicts([
    'admin',
  ]);

export const adminOption = (): Option =>
  new Option(
    '--admin <role>',
    'who runs it: a role of the target that may make roles and grant on the tables',
  );

export const adminPasswordOption = (): Option =>
  new Option('--admin-password <reference>', 'the role’s password: env:NAME or file:PATH').argParser(
    secretOption,
  );

export const unwantedNote = (target: string, name: string): string =>
  `no policy has the masks of ${name} any more: sallyport masking uninstall ${visibleText(target)} --unwanted`;

/** What the policies' masks need in the target, and what is there. @throws CliError */
export async function maskInstallerOf(name: string, { config }: MaskingOptions): Promise<MaskInstaller> {
  const { settings, policySet } = await wholeConfig(config, protocols);
  const target = targetOf(settings, name);
  const protocol: Protocol | undefined = protocols.find((each) => each.name === target.protocol);
  const sets = policySet.possibleObligations(target.name);
  if (sets === null) {
    throw new CliError(
      'usage',
      `Target ${name}: ${tooManyMaskSets}.`,
      'Put masks that belong together into one policy.',
    );
  }
  const key = (): ReturnType<typeof maskingKey> => maskingKey(settings.gateway.stateDir);
  const opening = protocol?.createMaskInstaller?.(target.name, target.settings, sets, key) ?? null;
  const installer = await waitingFor(
    `Reading the catalog of ${visibleText(name)}`,
    Promise.resolve(opening).catch((cause: unknown) => {
      throw new CliError('unreachable', `Target ${name}: ${messageOf(cause)}`, null, { cause });
    }),
  );
  if (installer !== null) return installer;
  throw new CliError(
    'usage',
    `Target ${name} has no ring in the config.`,
    'Give its section "ring: {password: env:NAME}". Only PostgreSQL targets can have it.',
  );
}

/** Prints the script or runs it, as the options say. True when it was run. @throws CliError */
export async function printOrRun(
  installer: MaskInstaller,
  script: string,
  { print, admin, adminPassword }: ScriptOptions,
): Promise<boolean> {
  if (print === true) {
    process.stdout.write(script);
    return false;
  }
  if (admin === undefined) {
    throw new CliError(
      'usage',
      'The gateway’s own login is not enough for this.',
      'Name a role that may make roles with --admin, or print the SQL with --print and run it yourself.',
    );
  }
  try {
    await waitingFor('Running it', installer.run(script, admin, adminPassword ?? null));
  } catch (cause) {
    throw new CliError('failed', `Nothing was changed: ${messageOf(cause)}`, null, { cause });
  }
  return true;
}
