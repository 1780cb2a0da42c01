/** A person of group oncall who approves as `sallyport holds approve` does, without a process for each. */

import { maxPageItems } from '../../services/console/api/limits.ts';
import { holdPageSchema, holdSchema, voteAnswerSchema } from '../../services/console/api/schemas.ts';
import { GatewayClient } from '../../services/console/cli/gateway-client.ts';
import type { TestGateway } from '../e2e/gateway.ts';

export class Approver {
  readonly #client: GatewayClient;

  private constructor(client: GatewayClient) {
    this.#client = client;
  }

  /** Logged in for as long as a token lasts: ten minutes. */
  static async logIn(gateway: Pick<TestGateway, 'issuer' | 'configFile'>, person: string): Promise<Approver> {
    // The CLI's own way to be given a token.
    process.env['SALLYPORT_TOKEN'] = gateway.issuer.mintConsole(person, { groups: ['oncall'] });
    return new Approver(await GatewayClient.open({ config: gateway.configFile }));
  }

  async openHolds(): Promise<readonly string[]> {
    const page = await this.#client.get(`/v1/holds?limit=${maxPageItems}`, holdPageSchema);
    return page.items.map(({ id }) => id);
  }

  /** Votes on exactly what the gateway shows. @throws CliError */
  async vote(hold: string, verdict: 'approve' | 'reject', reason: string): Promise<void> {
    const path = `/v1/holds/${encodeURIComponent(hold)}`;
    const { digest } = await this.#client.get(path, holdSchema);
    await this.#client.post(`${path}/votes`, { verdict, reason, digest }, voteAnswerSchema);
  }
}
