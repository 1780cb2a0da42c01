import { healthCheckIntervalMs, healthCheckTimeoutMs, unhealthyCheckIntervalMs } from './limits.ts';
import { duration, type EnvoyMessage } from './message.ts';

/** How Envoy finds out which workers live. @param how one of the health checkers of envoy.config.core.v3.HealthCheck */
export const healthChecks = (how: EnvoyMessage): readonly EnvoyMessage[] => [
  {
    timeout: duration(healthCheckTimeoutMs),
    interval: duration(healthCheckIntervalMs),
    no_traffic_interval: duration(healthCheckIntervalMs),
    unhealthy_interval: duration(unhealthyCheckIntervalMs),
    unhealthy_threshold: 2,
    healthy_threshold: 1,
    ...how,
  },
];
