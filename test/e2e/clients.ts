/** What tests ask of node-postgres clients beyond queries. */
import { connect } from 'node:net';
import type pg from 'pg';

/** The error of work that must fail, as the client library gives it. */
export async function errorOf(work: Promise<unknown>): Promise<pg.DatabaseError> {
  try {
    await work;
  } catch (error) {
    return error as pg.DatabaseError; // node-postgres's own type of server errors
  }
  throw new Error('it was let through');
}

/** Resolves with the next notice whose text matches. */
export const notice = (from: pg.Client, pattern: RegExp): Promise<RegExpExecArray> =>
  new Promise((resolve) => {
    const look = ({ message }: { readonly message?: string | undefined }): void => {
      const found = pattern.exec(message ?? '');
      if (found === null) return;
      from.off('notice', look);
      resolve(found);
    };
    from.on('notice', look);
  });

/** The id of a hold, in a notice or an error. */
export const holdPattern = /(h_[\w-]+)/;

/** The id of the hold that the next notice tells of. */
export const heldBy = async (from: pg.Client): Promise<string> => (await notice(from, holdPattern))[1] ?? '';

/** Resolves with the error by which the server ends the connection. */
export const lastError = (of: pg.Client): Promise<pg.DatabaseError> =>
  new Promise((resolve) => {
    of.on('error', (error) => resolve(error as pg.DatabaseError)); // FATAL errors come this way
  });

/** A CancelRequest, as psql sends one at Ctrl-C: on a connection of its own, with the key of the other one. */
export function cancel(running: pg.Client, port: number): void {
  // The key is not in the types: node-postgres keeps it from BackendKeyData.
  const { processID, secretKey } = running as unknown as { processID: number; secretKey: number };
  const packet = Buffer.alloc(16);
  for (const [at, value] of [16, 80877102, processID, secretKey].entries())
    packet.writeInt32BE(value, at * 4);
  const socket = connect(port, '127.0.0.1');
  // As libpq: a cancel that does not arrive cancels nothing, and the statement itself tells of it.
  socket.on('error', () => undefined);
  socket.write(packet);
  // As libpq does: the server closes the connection.
  socket.resume();
}
