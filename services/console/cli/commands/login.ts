import { type Command, Option } from 'commander';
import { loadIdentity } from '../../../core/config/load-section.ts';
import { configParts } from '../../../core/config/parts.ts';
import { References } from '../../../core/config/references.ts';
import { identitySchema } from '../../../core/config/sections/identity.ts';
import { LoginError, startDeviceLogin } from '../../../core/identity/device-login.ts';
import { systemClock } from '../../../core/model/clock.ts';
import type { IssuerSettings } from '../../../core/model/settings.ts';
import { visibleText } from '../../../core/model/visible-text.ts';
import { CliError, type CliErrorCode } from '../errors.ts';
import { configOption, examples } from '../options.ts';
import { problemLine } from '../problem-line.ts';
import { bold, note, onError, print, waitingFor } from '../screen.ts';
import { shortTime } from '../time-text.ts';
import { storeToken } from '../token-store.ts';

export function define(command: Command): void {
  command
    .description(
      'Log in as a person: you confirm a code in your browser, and the token that this gives is kept for the other ' +
        'commands, in $SALLYPORT_HOME or ~/.config/sallyport. It is good for the gateway’s own API, and for no target.',
    )
    .addOption(configOption())
    .addOption(
      new Option(
        '--issuer <issuer>',
        'name or URL of one of the config’s issuers; or, with --client-id, any URL',
      ),
    )
    .addOption(new Option('--client-id <id>', 'OAuth client of the login, where there is no config'))
    .addOption(
      new Option('--audience <audience>', 'the gateway’s console audience, where there is no config'),
    )
    .addHelpText(
      'after',
      examples(
        'sallyport login -c sallyport.yaml',
        'sallyport login --issuer https://login.example.com --client-id sallyport-cli --audience https://gateway.example.com/console',
      ),
    )
    .action(run);
}

interface Options {
  readonly config: string;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly audience?: string;
}

async function run(options: Options): Promise<void> {
  const issuer = issuerOf(options);
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  // Between two polls nothing else keeps the process alive.
  const alive = setInterval(() => undefined, 60_000);
  try {
    await logIn(issuer, interrupted.signal);
  } catch (cause) {
    if (!(cause instanceof LoginError)) throw cause;
    throw new CliError(codes[cause.code], cause.message, null, { cause });
  } finally {
    clearInterval(alive);
  }
}

async function logIn(issuer: IssuerSettings, signal: AbortSignal): Promise<void> {
  const started = startDeviceLogin(issuer, systemClock);
  const login = await waitingFor(`Asking ${visibleText(issuer.url)}`, started);
  const { verificationUrl, verificationUrlComplete, userCode, expiresAtMs } = login;
  print(`Open ${bold(visibleText(verificationUrl))} and enter the code ${bold(visibleText(userCode))}`);
  if (verificationUrlComplete !== null) print(`or open ${visibleText(verificationUrlComplete)}`);
  note(`Waiting until ${shortTime(new Date(expiresAtMs).toISOString())} UTC …`);
  const { accessToken, expiresAtMs: endsAtMs } = await login.token(signal);
  const stored = { issuer: issuer.url, token: accessToken, expiresAtMs: endsAtMs };
  const path = await storeToken(process.env, stored);
  const until = endsAtMs === null ? '' : ` until ${shortTime(new Date(endsAtMs).toISOString())} UTC`;
  print(`Logged in${until}. The token is in ${visibleText(path)}; "sallyport whoami" tells as whom.`);
}

/** @throws CliError */
function issuerOf({ config, issuer, clientId, audience }: Options): IssuerSettings {
  if (clientId === undefined && audience === undefined) return configuredIssuer(config, issuer);
  if (issuer === undefined || clientId === undefined || audience === undefined) {
    throw new CliError('usage', 'Without a config, --issuer, --client-id and --audience are all needed.');
  }
  // Read as if it stood in a config, so that the same is asked of it. No token for targets is ever asked for.
  const written = {
    name: 'login',
    url: issuer,
    audience: 'none',
    consoleAudience: audience,
    loginClientId: clientId,
  };
  const parsed = identitySchema(configParts(new References('/', {}))).safeParse({ issuers: [written] });
  const [found] = parsed.data?.issuers ?? [];
  if (found !== undefined) return found;
  const faults = parsed.error?.issues.map(({ message }) => message).join('; ') ?? '';
  throw new CliError('usage', `--issuer ${issuer} ${faults}`);
}

function configuredIssuer(config: string, wanted: string | undefined): IssuerSettings {
  const { section, problems } = loadIdentity(config, process.env);
  if (section === null) {
    throw new CliError(
      'config',
      `The issuers cannot be read from ${config}.`,
      'Name another config with -c, or give --issuer, --client-id and --audience.',
      { details: problems.map((problem) => problemLine(problem, onError)) },
    );
  }
  const able = section.issuers.filter(
    ({ loginClientId, consoleAudience }) => loginClientId !== null && consoleAudience !== null,
  );
  const chosen =
    wanted === undefined ? able : able.filter(({ name, url }) => name === wanted || url === wanted);
  const [issuer, second] = chosen;
  const names = able.map(({ name }) => name).join(', ');
  if (issuer === undefined) {
    throw new CliError(
      'config',
      wanted === undefined || names === ''
        ? `${config} names no issuer by which people can log in.`
        : `${config} has no issuer "${wanted}" by which people can log in; it has ${names}.`,
      'An issuer needs loginClientId and consoleAudience for that.',
    );
  }
  if (second !== undefined) {
    throw new CliError(
      'usage',
      `${config} has several issuers by which people can log in: ${names}.`,
      'Choose one with --issuer.',
    );
  }
  return issuer;
}

const codes: Readonly<Record<LoginError['code'], CliErrorCode>> = {
  'not-configured': 'config',
  'issuer-unusable': 'unreachable',
  denied: 'not-permitted',
  expired: 'failed',
  aborted: 'interrupted',
};
