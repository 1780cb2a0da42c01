import type { Clock } from '../model/clock.ts';
import type { Logger } from '../model/log.ts';

export interface TelemetryOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** The gateway's version: `service.version`. */
  readonly version: string;
  /** Names this process among all gateways: `service.instance.id`. */
  readonly process: string;
}
