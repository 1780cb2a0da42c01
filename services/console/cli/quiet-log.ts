import type { Logger } from '../../core/model/log.ts';

/** For commands: what the code of the gateway would log, they say themselves. */
export const quietLog: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quietLog,
};
