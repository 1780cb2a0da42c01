import { type Command, Option } from 'commander';
import { stringify } from 'yaml';
import { pathPrefixes } from '../../../../envoy/http-names.ts';
import type { ListenerSettings, Settings, TargetSettings } from '../../../core/model/settings.ts';
import { protocols } from '../../../protocols/index.ts';
import { kubernetes } from '../../../protocols/kubernetes/index.ts';
import { wholeConfig } from '../config-files.ts';
import { CliError } from '../errors.ts';
import { maxCaFileBytes } from '../limits.ts';
import { configOption, examples } from '../options.ts';
import { readWholeFile } from '../read-file.ts';
import { print } from '../screen.ts';
import { targetOf } from '../what-if.ts';

export function define(command: Command): void {
  command
    .description(
      'Print a kubeconfig by which kubectl reaches a cluster through the gateway. It holds no secret: kubectl asks "sallyport token" for ' +
        'the access token. Your own kubeconfig stays as it is; name this one in KUBECONFIG.',
    )
    .argument('<target>', 'a target of the config with protocol: kubernetes')
    .addOption(configOption())
    .addOption(
      new Option('--server <url>', 'where clients reach the gateway (default: by the config’s listener)'),
    )
    .addOption(new Option('--ca <file>', 'PEM file of the CA of the gateway’s own certificate'))
    .addOption(new Option('--token-file <path>', 'the file that the access token will be in'))
    .addOption(new Option('--namespace <name>', 'the namespace that kubectl takes where none is named'))
    .addHelpText(
      'after',
      examples(
        'sallyport kubeconfig prod --server https://gateway.example > prod.kubeconfig',
        'KUBECONFIG=prod.kubeconfig kubectl get pods',
      ),
    )
    .action(run);
}

interface Options {
  readonly config: string;
  readonly server?: string;
  readonly ca?: string;
  readonly tokenFile?: string;
  readonly namespace?: string;
}

async function run(name: string, options: Options): Promise<void> {
  const { settings } = await wholeConfig(options.config, protocols);
  const target = targetOf(settings, name);
  if (target.protocol !== kubernetes.name) {
    throw new CliError('usage', `Target ${name} speaks ${target.protocol}, and no Kubernetes.`);
  }
  const gateway = options.server === undefined ? ofListener(settings) : givenServer(options.server);
  const ca = options.ca === undefined ? null : await readWholeFile(options.ca, maxCaFileBytes);
  print(
    stringify(kubeconfigOf(target, `${gateway}${pathPrefixes.kubernetes}/${name}`, ca, options)).trimEnd(),
  );
}

function kubeconfigOf(
  { name }: TargetSettings,
  server: string,
  ca: string | null,
  { tokenFile, namespace }: Options,
): unknown {
  const cluster = `sallyport-${name}`;
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: cluster,
        cluster: {
          server,
          ...(ca === null ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
        },
      },
    ],
    users: [
      {
        name: 'sallyport',
        user: {
          exec: {
            apiVersion: 'client.authentication.k8s.io/v1',
            command: 'sallyport',
            args: ['token', '--exec-credential', ...(tokenFile === undefined ? [] : ['--file', tokenFile])],
            interactiveMode: 'Never',
            installHint: 'kubectl asks the command "sallyport" for an access token: put it on PATH.',
          },
        },
      },
    ],
    contexts: [
      {
        name: cluster,
        context: { cluster, user: 'sallyport', ...(namespace === undefined ? {} : { namespace }) },
      },
    ],
    'current-context': cluster,
  };
}

/** @throws CliError */
function givenServer(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol !== 'https:' || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw new CliError(
      'usage',
      `--server ${text} is no address of a gateway: write it as https://gateway.example:8443.`,
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** kubectl sends tokens over TLS alone. @throws CliError */
function ofListener({ gateway }: Settings): string {
  const able = (listener: ListenerSettings): boolean =>
    listener.protocol === kubernetes.listeners && listener.tls !== null && listener.port !== 0;
  const listener = gateway.listeners.find(able);
  if (listener === undefined || listener.address === '0.0.0.0' || listener.address === '::') {
    throw new CliError(
      'usage',
      'The config does not say under which address clients reach the gateway over TLS.',
      'Say it with --server https://gateway.example:8443.',
    );
  }
  const { address, port } = listener;
  return `https://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
