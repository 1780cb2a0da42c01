import { chmod } from 'node:fs/promises';
import {
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { Checkpoint } from '../core/checkpoint/contract.ts';
import { InvariantError, messageOf } from '../core/model/errors.ts';
import type { ListenerName, TargetName } from '../core/model/ids.ts';
import type { Logger } from '../core/model/log.ts';
import type { WorkerNumber } from '../core/model/worker.ts';
import type { RequestEngine } from '../protocols/protocol.ts';
import type { AnswerReader } from '../protocols/request.ts';
import { clearStaleSocket } from '../protocols/unix-socket.ts';
import { EdgeError } from './errors.ts';
import { authorization } from './ext-authz/authorization.ts';
import { checkResponseBytes } from './ext-authz/check-codec.ts';
import { type ProcessingResponse, readProcessingRequest } from './ext-proc/messages.ts';
import { processing } from './ext-proc/processing.ts';
import { health } from './health.ts';
import {
  closeMs,
  keepaliveMs,
  keepaliveTimeoutMs,
  maxConcurrentStreams,
  maxMessageBytes,
  resetBurst,
  resetsPerSecond,
} from './limits.ts';
import { serviceDefinition } from './protos.ts';

export interface EdgeOptions {
  /** A unix socket, in a folder that only this user may enter. */
  readonly socketPath: string;
  readonly checkpoint: Pick<Checkpoint, 'admit'>;
  /** Who decides on requests for this target that come in by this listener; null when its clients' connections are passed on as they are. */
  requests(listener: ListenerName, target: TargetName | null): RequestEngine | null;
  /** Who reads the answer to this action; null when nobody does, and it must not be shown. */
  answerTo(action: string): AnswerReader | null;
  /** Who ends a stream of this session with it; null when there is none such, any more, and it must not go on. */
  streamIn(session: string): AnswerReader | null;
  readonly worker: WorkerNumber;
  readonly log: Logger;
}

/** The gRPC server that Envoy asks. */
export interface Edge {
  /** Lets calls under way end (bounded), then closes. Envoy refuses connections from then on. */
  close(): Promise<void>;
}

/**
 * Envoy resets the stream of each Check whose client hangs up. Node takes a burst of resets for an attack (CVE-2023-44487) and ends the
 * connection, and with it every other Check on it. Only our Envoy can reach this socket, and it has limits of its own. grpc-js has no
 * option for it, and makes its HTTP/2 server of this object.
 */
class EnvoyFacingServer extends Server {
  constructor(options: ServerOptions) {
    super(options);
    const own: unknown = Reflect.get(this, 'commonServerOptions');
    if (typeof own !== 'object' || own === null) {
      throw new InvariantError('grpc-js keeps the options of its HTTP/2 server elsewhere in this version');
    }
    Object.assign(own, { streamResetBurst: resetBurst, streamResetRate: resetsPerSecond });
  }
}

const processorService = 'envoy.service.ext_proc.v3.ExternalProcessor';
const authorizationService = 'envoy.service.auth.v3.Authorization';

const authorizationDefinition = withCodec(
  authorizationService,
  'Check',
  (bytes: Buffer) => bytes,
  checkResponseBytes,
);
const processorDefinition = withCodec(
  processorService,
  'Process',
  readProcessingRequest,
  (response: ProcessingResponse) => response,
);

/** @throws EdgeError */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const { socketPath, checkpoint, requests, worker, log } = options;
  await clearStaleSocket(socketPath);
  const server = new EnvoyFacingServer({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.max_concurrent_streams': maxConcurrentStreams,
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
    // Nobody asks for its statistics of channels, and keeping them cost a tenth of each answer.
    'grpc.enable_channelz': 0,
  });
  server.addService(authorizationDefinition, {
    Check: endingOnBug(authorization({ checkpoint, requests, worker, log }).Check),
  });
  server.addService(processorDefinition, processing(options));
  server.addService(serviceDefinition('grpc.health.v1.Health'), health([authorizationService]));
  await listen(server, socketPath);
  // The folder keeps others out; this is for the day on which somebody moves the socket.
  await chmod(socketPath, 0o600);
  return { close: () => close(server, log) };
}

/** With codecs of our own in place of the loader's. */
function withCodec<Response>(
  service: string,
  method: string,
  requestDeserialize: (bytes: Buffer) => unknown,
  responseSerialize: (response: Response) => Buffer,
): ServiceDefinition {
  const { [method]: declared, ...others } = serviceDefinition(service);
  if (declared === undefined || Object.keys(others).length > 0) {
    throw new InvariantError(`protos/ declares another ${service}`);
  }
  return { [method]: { ...declared, requestDeserialize, responseSerialize } };
}

type Answering<Answer> = (
  call: ServerUnaryCall<Buffer, Answer>,
  answer: sendUnaryData<Answer>,
) => void | Promise<void>;

/** grpc-js swallows what a handler throws, and nothing but our own bugs is thrown here: they end the process instead. */
function endingOnBug<Answer>(handler: Answering<Answer>): Answering<Answer> {
  return (call, answer) => {
    const end = (bug: unknown): void => {
      answer({ code: status.INTERNAL, details: 'a bug in the gateway' });
      setImmediate(() => {
        throw bug;
      });
    };
    try {
      handler(call, answer)?.catch(end);
    } catch (bug) {
      end(bug);
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
