/**
 * Where streams enter a gateway process: requests that Envoy's routes bring here instead of to the target, once they were decided on. One unix
 * socket for each protocol that has any.
 */
import { chmod } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Logger } from '../core/model/log.ts';
import type { Intake } from './intake.ts';
import type { StreamIntake } from './protocol.ts';
import { clearStaleSocket } from './unix-socket.ts';

/** Envoy has read the headers already, and bounds them; here they come at once. */
const headersTimeoutMs = 5_000;
/** As Envoy's own bound (envoy/limits.ts, maxRequestHeadersKib), and what it adds. */
const maxHeaderBytes = 80 * 1024;

interface StreamIntakeParts {
  readonly path: string;
  readonly streams: StreamIntake;
  readonly log: Logger;
}

/** @throws SocketError */
export async function openStreamIntake({ path, streams, log }: StreamIntakeParts): Promise<Intake> {
  const server = createServer(
    { headersTimeout: headersTimeoutMs, requestTimeout: headersTimeoutMs, maxHeaderSize: maxHeaderBytes },
    (_request, response) => {
      response.writeHead(400, { connection: 'close' }).end();
    },
  );
  server.on('upgrade', (request, socket, head) => streams.accept(request, socket, head));
  server.on('clientError', (error, socket) => {
    log.warn({ error: error.message }, 'a stream that is no HTTP request');
    socket.destroy();
  });
  await clearStaleSocket(path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
  await chmod(path, 0o600);
  return {
    close() {
      server.close();
    },
  };
}
