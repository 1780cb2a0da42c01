/**
 * Messages of v4.channel.k8s.io and v5.channel.k8s.io: the channel's number in the first byte, its bytes behind it
 * (k8s.io/kubelet/pkg/cri/streaming/remotecommand, apimachinery/pkg/util/remotecommand).
 */
import { maxResizeBytes } from '../limits.ts';
import type { ChannelProtocol, StreamRequest } from './request.ts';

export const channel = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, close: 255 } as const;

export type FromClient =
  | { readonly kind: 'stdin'; readonly bytes: Buffer }
  /** A terminal's new size, or in v5 the end of stdin: passed on as it is. */
  | { readonly kind: 'control' };

/** Null: it is nothing that a client may say in this stream. */
export function fromClient(
  message: Buffer,
  protocol: ChannelProtocol,
  { stdin, tty }: Pick<StreamRequest, 'stdin' | 'tty'>,
): FromClient | null {
  const bytes = message.subarray(1);
  switch (message[0]) {
    case channel.stdin:
      return stdin ? { kind: 'stdin', bytes } : null;
    case channel.resize:
      return tty && isResize(bytes) ? { kind: 'control' } : null;
    case channel.close:
      return protocol === 'v5.channel.k8s.io' && bytes.length === 1 && bytes[0] === channel.stdin
        ? { kind: 'control' }
        : null;
    default:
      return null;
  }
}

/** `{"Width":80,"Height":24}` */
const isResize = (bytes: Buffer): boolean =>
  bytes.length <= maxResizeBytes && /^\s*\{[\s"\w:,]*\}\s*$/.test(bytes.toString('latin1'));

export type FromTarget =
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly bytes: Buffer }
  | { readonly kind: 'status'; readonly status: ExitStatus }
  /** That a channel is there, or closed. */
  | { readonly kind: 'control' };

export function fromTarget(message: Buffer): FromTarget | null {
  const bytes = message.subarray(1);
  switch (message[0]) {
    case channel.stdout:
      return { kind: 'output', stream: 'stdout', bytes };
    case channel.stderr:
      return { kind: 'output', stream: 'stderr', bytes };
    case channel.status:
      return bytes.length === 0 ? { kind: 'control' } : { kind: 'status', status: exitStatus(bytes) };
    case channel.stdin:
    case channel.resize:
      return bytes.length === 0 ? { kind: 'control' } : null;
    case channel.close:
      return bytes.length === 1 ? { kind: 'control' } : null;
    default:
      return null;
  }
}

export interface ExitStatus {
  readonly result: 'completed' | 'failed';
  /** `exit 3`, or the Status' own reason. */
  readonly errorCode: string | null;
}

interface Status {
  readonly status?: unknown;
  readonly reason?: unknown;
  readonly details?: {
    readonly causes?: readonly { readonly reason?: unknown; readonly message?: unknown }[];
  };
}

/** A Status (meta/v1) as the kubelet sends it when the command has ended. */
function exitStatus(bytes: Buffer): ExitStatus {
  const status = parsed(bytes);
  if (status?.status === 'Success') return { result: 'completed', errorCode: null };
  const causes = status?.details?.causes;
  const exit = Array.isArray(causes) ? causes.find((cause) => cause?.reason === 'ExitCode') : undefined;
  if (typeof exit?.message === 'string' && /^\d{1,3}$/.test(exit.message)) {
    return { result: 'failed', errorCode: `exit ${exit.message}` };
  }
  return {
    result: 'failed',
    errorCode: typeof status?.reason === 'string' ? status.reason.slice(0, 100) : 'unknown',
  };
}

function parsed(bytes: Buffer): Status | null {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    // as: each member is looked at as unknown.
    return typeof value === 'object' && value !== null ? (value as Status) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

export const onChannel = (number: number, bytes: Buffer): Buffer => Buffer.concat([Buffer.of(number), bytes]);
