/** What a request for a stream into a pod asks for: the API server's PodExecOptions, PodAttachOptions and PodPortForwardOptions. */
import type { Unacceptable } from '../../../core/model/action.ts';
import type { Header } from '../../request.ts';
import { readArgv, type ShellCommand, type ShellReading } from '../../shell/index.ts';
import { effectOf, type KubernetesEffect } from '../effect.ts';
import type { ResourceRequest } from '../request-info.ts';

export const streamKinds = ['exec', 'attach', 'portforward'] as const;
export type StreamKind = (typeof streamKinds)[number];

/** Why a stream cannot be fully understood, beside what makes a command line opaque. */
export const streamOpaqueReasons = ['unread-input', 'unread-stream'] as const;

export interface StreamRequest {
  readonly kind: StreamKind;
  readonly argv: readonly string[];
  /** Null: the pod's own choice. */
  readonly container: string | null;
  readonly stdin: boolean;
  readonly tty: boolean;
  /** All of them, as they were read. */
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
}

const refused = (message: string, hint: string): Unacceptable => ({
  reason: 'unsupported',
  message: `Refused: ${message}`,
  hint,
});

export const streamKindOf = ({ group, resource, subresource }: ResourceRequest): StreamKind | null =>
  group === '' && resource === 'pods' ? (streamKinds.find((kind) => kind === subresource) ?? null) : null;

/**
 * What clients send for a flag, in any case: Python writes True. To the API server 0 and false are false, and all else is true, nothing at all
 * included (runtime.Convert_Slice_string_To_bool); what nobody means by that is refused.
 */
const booleans: Readonly<Record<string, boolean>> = { true: true, '1': true, false: false, '0': false };
const flags: ReadonlySet<string> = new Set(['stdin', 'stdout', 'stderr', 'tty']);

export function readStreamRequest(
  kind: StreamKind,
  parameters: readonly { readonly name: string; readonly value: string }[],
): StreamRequest | Unacceptable {
  const argv: string[] = [];
  const said = new Map<string, boolean>();
  let container: string | null = null;
  for (const { name, value } of parameters) {
    const flag = value.toLowerCase();
    if (name === 'command' && kind === 'exec') argv.push(value);
    else if (name === 'container' && kind !== 'portforward' && container === null) container = value;
    else if (name === 'ports' && kind === 'portforward') continue;
    else if (flags.has(name) && kind !== 'portforward' && !said.has(name) && Object.hasOwn(booleans, flag)) {
      said.set(name, booleans[flag] === true);
    } else
      return refused(
        `the parameter ${name} is not what ${kind} takes, or stands there twice.`,
        'Send it as kubectl does.',
      );
  }
  if (kind === 'exec' && argv.length === 0) return refused('no command is named.', 'Name one behind --.');
  return {
    kind,
    argv,
    container,
    stdin: said.get('stdin') === true,
    tty: said.get('tty') === true,
    parameters,
  };
}

/** The subprotocols in which bytes are numbered by channel; what else clients offer is not passed on. */
export const channelProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;
export type ChannelProtocol = (typeof channelProtocols)[number];
export const portForwardProtocol = 'SPDY/3.1+portforward.k8s.io';

export const offeredProtocols = (headers: readonly Header[]): readonly string[] =>
  headers
    .filter(({ name }) => name === 'sec-websocket-protocol')
    .flatMap(({ value }) => value.split(','))
    .map((protocol) => protocol.trim());

export const isWebSocket = (method: string, headers: readonly Header[]): boolean => {
  const upgrades = headers.filter(({ name }) => name === 'upgrade');
  return method === 'GET' && upgrades.length === 1 && upgrades[0]?.value.toLowerCase() === 'websocket';
};

/** Why such a request does not become a stream here. */
export function streamFault(
  kind: StreamKind,
  method: string,
  headers: readonly Header[],
): Unacceptable | null {
  if (!isWebSocket(method, headers)) {
    return refused(
      `${kind} goes over WebSocket here, and this client asked for SPDY.`,
      'Use kubectl 1.31 or newer (1.29 and 1.30 with KUBECTL_REMOTE_COMMAND_WEBSOCKETS=true and KUBECTL_PORT_FORWARD_WEBSOCKETS=true).',
    );
  }
  const offered = offeredProtocols(headers);
  const known: readonly string[] = kind === 'portforward' ? [portForwardProtocol] : channelProtocols;
  return known.some((protocol) => offered.includes(protocol))
    ? null
    : refused('the client offers no subprotocol that is carried.', `Offer ${known.join(' or ')}.`);
}

export interface StreamMeaning {
  readonly effects: readonly KubernetesEffect[];
  readonly opaque: readonly string[];
  /** For approvers: what it would do, a line each. */
  readonly lines: readonly string[];
}

const verbs = { exec: 'exec', attach: 'attach', portforward: 'port-forward' } as const;

export function meaningOf(request: StreamRequest, info: ResourceRequest): StreamMeaning {
  const effect = (
    verb: 'exec' | 'interactive' | 'attach' | 'port-forward',
    command: ShellCommand | null,
  ) => ({
    ...effectOf(
      {
        verb,
        group: '',
        type: `pods/${info.subresource}`,
        namespace: info.namespace,
        name: info.name,
        dryRun: false,
      },
      { labels: { kind: 'unknown' }, images: [], changes: true },
    ),
    command,
  });
  const where = request.container === null ? '' : ` (container ${JSON.stringify(request.container)})`;
  const head = `${verbs[request.kind]} in pod ${info.name} of ${info.namespace}${where}`;
  switch (request.kind) {
    case 'portforward':
      // What goes through is anybody's protocol.
      return { effects: [effect('port-forward', null)], opaque: ['unread-stream'], lines: [head] };
    case 'attach':
      return {
        effects: [effect('attach', null)],
        opaque: request.stdin ? ['unread-input'] : [],
        lines: [`${head}${request.stdin ? ', with input' : ''}`],
      };
    case 'exec': {
      const reading = readArgv(request.argv);
      const isInteractive = reading.opaque.some(({ reason }) => reason === 'interactive-shell');
      const commands = commandsOf(reading);
      const effects = [
        ...commands.map((command) => {
          const one = effect('exec', command);
          return { ...one, resource: `${one.resource}: ${wordsOf(command)}` };
        }),
        ...(isInteractive ? [effect('interactive', null)] : []),
      ];
      return {
        effects: effects.length > 0 ? effects : [effect('exec', nothing)],
        opaque: [...new Set(reading.opaque.map(({ reason }) => reason))].filter(
          (reason) => reason !== 'interactive-shell',
        ),
        lines: [
          `${head}: ${JSON.stringify(request.argv)}${request.tty ? ' on a terminal' : ''}`,
          ...commands.map((command) => `would run: ${wordsOf(command)}`),
          ...(isInteractive ? ['would run: a shell that reads what the client types'] : []),
          ...reading.opaque.map(({ reason, what }) => `${reason}: ${what}`),
        ],
      };
    }
  }
}

/** A line that runs nothing. */
const nothing: ShellCommand = { name: ':', args: [], builtin: true };

/** Files that are read and written by redirection count as commands of those names. */
const commandsOf = ({ commands, files }: ShellReading): readonly ShellCommand[] => [
  ...commands,
  ...files.map(({ access, path }) => ({ name: access === 'read' ? '<' : '>', args: [path], builtin: false })),
];

const wordsOf = ({ name, args }: ShellCommand): string =>
  [name, ...args]
    .map((word) => (word === null ? '?' : /^[\w./:=,@%+<>-]+$/.test(word) ? word : JSON.stringify(word)))
    .join(' ');
