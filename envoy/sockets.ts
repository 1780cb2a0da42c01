import { join } from 'node:path';
import { type ListenerName, listenerName } from '../services/core/model/ids.ts';
import type { WorkerNumber } from '../services/core/model/worker.ts';
import { EnvoyError } from './errors.ts';
import { maxSocketPathBytes } from './limits.ts';

/**
 * The unix sockets in the run folder, by which Envoy and the gateway's processes meet. The folder has mode 0700: who
 * may enter it may speak to the engines as if he were Envoy.
 *
 * @throws EnvoyError `socket-path-too-long`; `bad-listener-name` for a name that would be another socket's
 */
export const edgeSocket = (runDir: string, worker: WorkerNumber): string => socket(runDir, 'edge', worker);

/** Where Envoy brings the streams of a protocol. */
export const streamsSocket = (runDir: string, protocol: string, worker: WorkerNumber): string =>
  socket(runDir, `streams.${protocol}`, worker);

export const adminSocket = (runDir: string): string => socket(runDir, 'envoy-admin', null);

/** Names that would share a socket with something else. */
const taken: readonly ListenerName[] = ['edge', 'envoy-admin'].map(listenerName);

export function engineSocket(runDir: string, listener: ListenerName, worker: WorkerNumber): string {
  if (taken.includes(listener) || !/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(listener)) {
    throw new EnvoyError(
      'bad-listener-name',
      `A listener cannot be called "${listener}": its name becomes a socket's file name, so it is made of letters, ` +
        `digits, "-" and "_", and is none of ${taken.join(', ')}.`,
    );
  }
  return socket(runDir, listener, worker);
}

/** No name has a dot in it, so that no listener's socket is another's of a worker. */
function socket(runDir: string, name: string, worker: WorkerNumber): string {
  const path = join(runDir, worker === null ? `${name}.sock` : `${name}.${worker}.sock`);
  const bytes = Buffer.byteLength(path);
  if (bytes > maxSocketPathBytes) {
    throw new EnvoyError(
      'socket-path-too-long',
      `The unix socket ${path} has a path of ${bytes} bytes, and the kernel takes ${maxSocketPathBytes}: ` +
        `choose a shorter state folder (gateway.stateDir) or a shorter name for the listener.`,
    );
  }
  return path;
}
