import { type Command, Option } from 'commander';
import { parseCompactJws } from '../../../core/identity/compact-jws.ts';
import { IdentityError } from '../../../core/model/identity.ts';
import { CliError } from '../errors.ts';
import { maxTokenFileBytes } from '../limits.ts';
import { examples } from '../options.ts';
import { readWholeFile } from '../read-file.ts';
import { print } from '../screen.ts';

const variable = 'SALLYPORT_ACCESS_TOKEN';

export function define(command: Command): void {
  command
    .description(
      `Print the access token by which an agent or a job speaks to targets: from ${variable}, or from a file that something else keeps fresh ` +
        '(SPIFFE, a projected service account, a CI job). kubectl asks for it with --exec-credential. It is not the token of "sallyport login".',
    )
    .addOption(
      new Option('--file <path>', 'the file that the token is in').env('SALLYPORT_ACCESS_TOKEN_FILE'),
    )
    .addOption(new Option('--exec-credential', 'as kubectl and client libraries of Kubernetes want it'))
    .addHelpText(
      'after',
      examples(
        'sallyport token --file /run/agent/token',
        'sallyport token --exec-credential',
        'curl -H "Authorization: Bearer $(sallyport token)" https://gateway.example/t/billing/v1/orders',
      ),
    )
    .action(run);
}

interface Options {
  readonly file?: string;
  readonly execCredential?: boolean;
}

async function run({ file, execCredential }: Options): Promise<void> {
  const text = file === undefined ? process.env[variable] : await readWholeFile(file, maxTokenFileBytes);
  const token = (text ?? '').trim();
  if (token === '') {
    throw new CliError(
      'not-permitted',
      file === undefined ? 'There is no access token.' : `${file} is empty.`,
      `Set ${variable} to a token of your issuer for the gateway's targets, or name the file that it is in with --file.`,
    );
  }
  const expiresAt = expiryOf(token);
  if (execCredential !== true) return print(token);
  print(
    JSON.stringify({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      // client-go asks again once it has expired.
      status: { token, ...(expiresAt === null ? {} : { expirationTimestamp: expiresAt }) },
    }),
  );
}

/** As the token says, unverified: the gateway verifies it. @throws CliError when it is no token */
function expiryOf(token: string): string | null {
  try {
    const { exp } = parseCompactJws(token).claims;
    return typeof exp === 'number' && Math.abs(exp) < 8.64e12
      ? new Date(exp * 1000).toISOString().replace(/\.\d+Z$/, 'Z')
      : null;
  } catch (cause) {
    if (!(cause instanceof IdentityError)) throw cause;
    throw new CliError('not-permitted', cause.message, 'It must be an access token of your issuer.', {
      cause,
    });
  }
}
