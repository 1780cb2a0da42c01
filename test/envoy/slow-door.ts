import { once } from 'node:events';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { health } from '../../services/edge/health.ts';
import { serviceDefinition } from '../../services/edge/protos.ts';

/** An edge service that answers Check only when the test says so: ours answers at once. */
export interface SlowDoor {
  /** Resolves when the next Check has come. */
  asked(): Promise<void>;
  answer(verdict: 'admit' | 'refuse'): void;
  close(): void;
}

/** In the shape of the loader, whose codec this server has. */
interface CheckResponse {
  readonly status: { readonly code: 0 | 7 };
}

export async function startSlowDoor(socketPath: string): Promise<SlowDoor> {
  const waiting: sendUnaryData<CheckResponse>[] = [];
  const events = new EventTarget();
  const server = new Server();
  server.addService(serviceDefinition('grpc.health.v1.Health'), health([]));
  server.addService(serviceDefinition('envoy.service.auth.v3.Authorization'), {
    Check(_call: ServerUnaryCall<unknown, CheckResponse>, answer: sendUnaryData<CheckResponse>) {
      waiting.push(answer);
      events.dispatchEvent(new Event('asked'));
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return {
    async asked() {
      if (waiting.length === 0) await once(events, 'asked');
    },
    answer(verdict) {
      const answer = waiting.shift();
      if (answer === undefined) throw new Error('nobody asked');
      answer(null, { status: { code: verdict === 'admit' ? 0 : 7 } });
    },
    close: () => server.forceShutdown(),
  };
}
