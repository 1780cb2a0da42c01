import { once } from 'node:events';
import { HttpGateway } from '../../e2e/http-gateway.ts';
import { Approver } from '../approver.ts';
import type { Load } from '../load.ts';
import { progress } from '../progress.ts';

/** Votes under way at a time: the API works on 64 requests. */
const votingAtOnce = 16;

const policy = `\
policies:
  - name: agents
    targets: [billing]
    principals: [{kinds: [agent]}]
    rules:
      - name: refund
        effects: [post]
        paths: ['/refunds/{id}']
        json: {amount: {atLeast: 1}}
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 30m, wait: 20m}
`;

export const httpHolds: Load = {
  name: 'http-holds',
  title: 'held HTTP requests at once',
  async run(_, { quick }) {
    const requests = quick ? 100 : 1_000;
    // No limit of the defaults is what is measured here.
    const listener = ['maxConnections: 1200', 'connectionsPerSecond: 100000'];
    await using gateway = await HttpGateway.start({ policy, listener });
    progress(`  ${requests} requests that wait`);
    const beganMs = performance.now();
    // Each an agent of its own: nobody may ask for more than a few things at a time.
    const answered = Promise.all(
      Array.from({ length: requests }, (_each, number) =>
        gateway.fetch(
          `/refunds/${number}`,
          {
            method: 'POST',
            body: JSON.stringify({ amount: number + 1 }),
            headers: { 'content-type': 'application/json' },
          },
          { sub: `agent-${number}` },
        ),
      ),
    );
    const ids = await Promise.race([
      waiting(gateway, requests),
      answered.then(async ([first]) => Promise.reject(new Error(`nothing was held: ${await first?.text()}`))),
    ]);
    const heldMs = performance.now();
    if (gateway.target.received.length > 0) throw new Error('a request was forwarded before it was approved');
    progress('  approving them');
    const approver = await Approver.logIn(gateway, 'pat');
    const left = [...ids];
    const voteOn = async (): Promise<void> => {
      for (let id = left.pop(); id !== undefined; id = left.pop())
        await approver.vote(id, 'approve', 'bench');
    };
    const approvingMs = performance.now();
    await Promise.all(Array.from({ length: votingAtOnce }, voteOn));
    const statuses = (await answered).map(({ status }) => status);
    const endedMs = performance.now();
    if (statuses.some((status) => status !== 200)) throw new Error('an approved request was refused');
    const urls = gateway.target.received.map(({ url }) => url);
    if (urls.length !== requests || new Set(urls).size !== requests) {
      throw new Error(
        `of ${requests} approved requests ${urls.length} have reached the target, some perhaps twice`,
      );
    }
    return {
      ways: null,
      figures: [
        {
          name: 'approved, and forwarded exactly once',
          value: urls.length,
          unit: `of ${requests}`,
          goal: null,
        },
        { name: 'until all were held', value: (heldMs - beganMs) / 1000, unit: 's', goal: null },
        { name: 'to approve and forward all', value: (endedMs - approvingMs) / 1000, unit: 's', goal: null },
      ],
    };
  },
};

/** The ids of so many holds, once requests wait for all of them. */
async function waiting({ up }: HttpGateway, requests: number): Promise<readonly string[]> {
  for (;;) {
    const ids = [...up.errorOutput.matchAll(/"hold":"([^"]+)"[^\n]*waits for approval/g)].map(
      ([, id = '']) => id,
    );
    if (ids.length >= requests) return ids;
    await once(up.process.stderr ?? up.process, 'data');
  }
}
