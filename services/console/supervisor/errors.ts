import { SallyportError } from '../../core/model/errors.ts';

export type SupervisorErrorCode =
  /** The gateway process ended, or was not ready in time, when it was first started. */
  | 'gateway-did-not-start'
  /** It was told to stop before it was up. */
  | 'stopped';

export class SupervisorError extends SallyportError<SupervisorErrorCode> {
  /** What the gateway process said of why it could not start, a line each. */
  readonly problems: readonly string[];

  constructor(code: SupervisorErrorCode, message: string, problems: readonly string[] = []) {
    super(code, message);
    this.problems = problems;
  }
}
