/** A gRPC server whose methods take and give bytes, and that remembers what it was called with. */
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';

const asTheyAre = (bytes: Buffer): Buffer => bytes;
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path,
  requestStream,
  responseStream,
  requestSerialize: asTheyAre,
  requestDeserialize: asTheyAre,
  responseSerialize: asTheyAre,
  responseDeserialize: asTheyAre,
});

export const echoService = {
  say: method('/test.Echo/Say', false, false),
  drop: method('/test.Echo/Drop', false, false),
  fail: method('/test.Echo/Fail', false, false),
  count: method('/test.Echo/Count', false, true),
  collect: method('/test.Echo/Collect', true, false),
  talk: method('/test.Echo/Talk', true, true),
} satisfies ServiceDefinition;

export interface GrpcTarget {
  readonly port: number;
  readonly calls: { readonly method: string; readonly metadata: Metadata }[];
  stop(): void;
}

export async function startGrpcTarget(
  serverCredentials = ServerCredentials.createInsecure(),
): Promise<GrpcTarget> {
  const calls: GrpcTarget['calls'] = [];
  const server = new Server();
  type Unary = ServerUnaryCall<Buffer, Buffer>;
  type Answer = sendUnaryData<Buffer>;
  server.addService(echoService, {
    say({ request, metadata }: Unary, answer: Answer) {
      calls.push({ method: 'Say', metadata });
      answer(null, Buffer.concat([Buffer.from('said '), request]));
    },
    drop({ metadata }: Unary, answer: Answer) {
      calls.push({ method: 'Drop', metadata });
      answer(null, Buffer.alloc(0));
    },
    fail({ metadata }: Unary, answer: Answer) {
      calls.push({ method: 'Fail', metadata });
      answer({ code: status.FAILED_PRECONDITION, details: 'not now, naïvely' });
    },
    count(call: ServerWritableStream<Buffer, Buffer>) {
      calls.push({ method: 'Count', metadata: call.metadata });
      for (let count = 1; count <= 3; count++) call.write(Buffer.from(String(count)));
      call.end();
    },
    collect(call: ServerReadableStream<Buffer, Buffer>, answer: Answer) {
      calls.push({ method: 'Collect', metadata: call.metadata });
      const parts: Buffer[] = [];
      call.on('data', (part: Buffer) => parts.push(part));
      call.on('end', () => answer(null, Buffer.concat(parts)));
    },
    talk(call: ServerDuplexStream<Buffer, Buffer>) {
      calls.push({ method: 'Talk', metadata: call.metadata });
      call.on('data', (part: Buffer) => call.write(Buffer.from(part.toString().toUpperCase())));
      call.on('end', () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', serverCredentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, calls, stop: () => server.forceShutdown() };
}
