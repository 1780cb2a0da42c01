import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { ApiError } from './errors.ts';

/**
 * Makes way for a unix socket that only this user may reach: refuses a folder that others may enter, and removes the
 * socket that a killed process left behind.
 *
 * @throws ApiError `unsafe-folder`, `socket-in-use`, `not-a-socket`
 */
export async function prepareSocket(path: string): Promise<void> {
  await checkFolder(dirname(path));
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found === null) return;
  if (!found.isSocket()) {
    throw new ApiError('not-a-socket', `${path} is in the way: it is not a socket. Remove it.`);
  }
  if (await answers(path)) {
    throw new ApiError(
      'socket-in-use',
      `Another process serves on ${path}. Is the gateway running already? Stop it, or give this one another state folder.`,
    );
  }
  await unlink(path);
}

/** A socket's own mode is not enough: between bind and chmod it is open to whoever can enter the folder. */
async function checkFolder(folder: string): Promise<void> {
  const found = await lstat(folder).catch(() => null); // not there, or not to be seen: either way not usable
  if (found === null)
    throw new ApiError('unsafe-folder', `${folder} is not there. It is made with mode 0700.`);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new ApiError(
      'unsafe-folder',
      `${folder} is not a folder of the user that runs the gateway: remove it, or choose another state folder.`,
    );
  }
  const mode = found.mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw new ApiError(
      'unsafe-folder',
      `Others can enter ${folder} (mode ${mode.toString(8)}), and could speak to the gateway. Run: chmod 700 ${folder}`,
    );
  }
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
