import { chmod } from 'node:fs/promises';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { Checkpoint } from '../core/checkpoint/contract.ts';
import { messageOf } from '../core/model/errors.ts';
import type { Logger } from '../core/model/log.ts';
import { clearStaleSocket } from '../protocols/unix-socket.ts';
import { EdgeError } from './errors.ts';
import { authorization } from './ext-authz/authorization.ts';
import { health } from './health.ts';
import { closeMs, keepaliveMs, keepaliveTimeoutMs, maxConcurrentStreams, maxMessageBytes } from './limits.ts';
import { serviceDefinition } from './protos.ts';

export interface EdgeOptions {
  /** A unix socket, in a folder that only this user may enter. */
  readonly socketPath: string;
  readonly checkpoint: Pick<Checkpoint, 'admit'>;
  readonly log: Logger;
}

/** The gRPC server that Envoy asks. */
export interface Edge {
  /** Lets calls under way end (bounded), then closes. Envoy refuses connections from then on. */
  close(): Promise<void>;
}

const authorizationService = 'envoy.service.auth.v3.Authorization';

/** @throws EdgeError */
export async function startEdge({ socketPath, checkpoint, log }: EdgeOptions): Promise<Edge> {
  await clearStaleSocket(socketPath);
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.max_concurrent_streams': maxConcurrentStreams,
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
  });
  server.addService(serviceDefinition(authorizationService), {
    Check: endingOnBug(authorization(checkpoint, log).Check),
  });
  server.addService(serviceDefinition('grpc.health.v1.Health'), health([authorizationService]));
  await listen(server, socketPath);
  // The folder keeps others out; this is for the day on which somebody moves the socket.
  await chmod(socketPath, 0o600);
  return { close: () => close(server, log) };
}

type Handler<Answer> = (call: ServerUnaryCall<unknown, Answer>, answer: sendUnaryData<Answer>) => void;

/** grpc-js swallows what a handler throws, and nothing but our own bugs is thrown here: they end the process instead. */
function endingOnBug<Answer>(handler: Handler<Answer>): Handler<Answer> {
  return (call, answer) => {
    try {
      handler(call, answer);
    } catch (bug) {
      answer({ code: status.INTERNAL, details: 'a bug in the gateway' });
      setImmediate(() => {
        throw bug;
      });
    }
  };
}

async function listen(server: Server, socketPath: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) =>
      error === null
        ? resolve()
        : reject(
            new EdgeError('cannot-listen', `Cannot listen on ${socketPath}: ${messageOf(error)}`, {
              cause: error,
            }),
          ),
    );
  });
}

async function close(server: Server, log: Logger): Promise<void> {
  await new Promise<void>((resolve) => {
    const tooLong = setTimeout(() => {
      log.warn({ closeMs }, 'calls of Envoy were cut off');
      server.forceShutdown();
    }, closeMs);
    server.tryShutdown(() => {
      clearTimeout(tooLong);
      resolve();
    });
  });
}
