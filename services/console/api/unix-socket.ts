import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { clearStaleSocket } from '../../protocols/unix-socket.ts';
import { ApiError } from './errors.ts';

/**
 * Makes way for a unix socket that only this user may reach: refuses a folder that others may enter, and removes the
 * socket that a killed process left behind.
 *
 * @throws ApiError `unsafe-folder`; SocketError
 */
export async function prepareSocket(path: string): Promise<void> {
  await checkFolder(dirname(path));
  await clearStaleSocket(path);
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
