import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { z } from 'zod';

interface HealthCheckResponse {
  readonly status: 'SERVING';
}

const healthCheckRequest = z.object({ service: z.string().default('') });

/**
 * grpc.health.v1.Health: serving, for as long as the process answers at all. What it depends on (trail, Redis) has its
 * own refusals; taking the edge out of use would turn them into closed connections that nobody can explain.
 */
export const health = (services: readonly string[]) => ({
  Check(
    call: ServerUnaryCall<unknown, HealthCheckResponse>,
    answer: sendUnaryData<HealthCheckResponse>,
  ): void {
    const asked = healthCheckRequest.safeParse(call.request);
    if (asked.success && (asked.data.service === '' || services.includes(asked.data.service))) {
      answer(null, { status: 'SERVING' });
    } else {
      answer({ code: status.NOT_FOUND, details: 'no such service' });
    }
  },
});
