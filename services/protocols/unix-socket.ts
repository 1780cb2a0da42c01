import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { SallyportError } from '../core/model/errors.ts';

/** Something is where a server's unix socket is to be. */
export class SocketError extends SallyportError<'socket-in-use' | 'not-a-socket'> {}

/**
 * Removes the socket that a process left behind when it was killed; a socket on which somebody answers stays.
 *
 * @throws SocketError `socket-in-use`, `not-a-socket`
 */
export async function clearStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found === null) return;
  if (!found.isSocket()) {
    throw new SocketError('not-a-socket', `${path} is in the way: it is not a socket. Remove it.`);
  }
  if (await answers(path)) {
    throw new SocketError(
      'socket-in-use',
      `Another process serves on ${path}. Is the gateway running already? Stop it, or give this one another state folder.`,
    );
  }
  await unlink(path);
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else reject(error);
    });
  });
