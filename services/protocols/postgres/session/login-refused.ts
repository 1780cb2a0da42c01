import type { Connection } from '../../../core/checkpoint/contract.ts';
import type { Reason } from '../../../core/model/decision.ts';
import type { EngineServices } from '../../protocol.ts';
import type { PostgresTarget } from '../target.ts';
import { farewell } from './refusal.ts';

/** The connection ends here, with these words for the client. */
export class LoginRefused extends Error {
  readonly words: Buffer;

  constructor(words: Buffer, message: string) {
    super(message);
    this.words = words;
  }
}

interface Words {
  readonly message: string;
  readonly hint: string;
}

/** A refusal that is in the trail, and that counts towards the lockout when nobody was recognised. */
export function refuseLogin(
  services: EngineServices<PostgresTarget>,
  connection: Connection,
  reason: Reason,
  { message, hint }: Words,
): LoginRefused {
  services.checkpoint.loginRefused(connection, reason, message);
  return new LoginRefused(farewell(reason, message, hint), message);
}
