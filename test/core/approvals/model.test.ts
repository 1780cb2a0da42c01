import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { GrantScope } from '../../../services/core/model/decision.ts';
import type { HoldOutcome, VoteResult } from '../../../services/core/model/hold.ts';
import type { HoldId } from '../../../services/core/model/ids.ts';
import { type RedisServer, startRedis } from '../../servers/redis.ts';
import { maxOpenPerPrincipal, type StoreUnderTest } from './contract.ts';
import { startEmbedded } from './embedded-store.ts';
import { Model } from './model.ts';
import { party, person, request } from './people.ts';
import { startRedisStore } from './redis-store.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** One store beside the model: the same hold has the same number in both. */
class Real {
  readonly ids: HoldId[] = [];
  readonly outcomes: ({ promise: Promise<HoldOutcome>; settled: boolean } | null)[] = [];
  readonly store: StoreUnderTest;

  constructor(store: StoreUnderTest) {
    this.store = store;
  }

  wait(id: HoldId): void {
    const waited = { promise: this.store.approvals.outcome(id), settled: false };
    void waited.promise.finally(() => {
      waited.settled = true;
    });
    this.outcomes.push(waited);
  }

  /** Everything that can be seen of the store is what the model says. */
  async agrees(model: Model): Promise<void> {
    for (const [n, waited] of this.outcomes.entries()) {
      const told = model.holds[n]?.told ?? null;
      if (waited === null) continue;
      if (told === null) expect(waited.settled).toBe(false);
      else expect((await waited.promise).kind).toBe(told);
    }
    const seen = (await this.store.approvals.list()).map(({ request: { id, owner }, state, votes }) => ({
      n: this.ids.indexOf(id),
      waits: owner !== null,
      state,
      votes: votes.map((vote) => [vote.approver.subject, vote.verdict]),
    }));
    const held = model.holds.map(({ waits, state, votes }, n) => ({ n, waits, state, votes }));
    expect(seen.sort((left, right) => left.n - right.n)).toEqual(held);
  }
}

type Command = fc.AsyncCommand<Model, readonly Real[], boolean>;

/** Does the same to the model and to each store, and then compares. */
function command(
  text: string,
  apply: (model: Model) => (real: Real) => Promise<void>,
  check: (model: Model) => boolean = () => true,
): Command {
  return {
    check,
    toString: () => text,
    async run(model, reals) {
      const onStore = apply(model);
      for (const real of reals) await onStore(real);
      for (const real of reals) await real.agrees(model);
    },
  };
}

/**
 * Redis's clock runs while a test does. Time is moved in steps of 15 s and every term ends between two of them, so
 * that a run may take seconds without an end coming too early.
 */
const slackMs = 7_000;

interface Asked {
  readonly agent: number;
  readonly action: number;
  readonly quorum: number;
  readonly minutes: number;
  readonly waits: boolean;
  readonly grant: GrantScope;
}

const open = ({ agent, action, quorum, minutes, waits, grant }: Asked): Command =>
  command(`open(${JSON.stringify({ agent, action, quorum, minutes, waits, grant })})`, (model) => {
    const requester = `agent-${agent}`;
    // As the checkpoint makes them: both are bound to the requester.
    const digest = `digest ${agent} ${action}`;
    const rule = `rule ${agent}`;
    const withinMs = minutes * 60_000 + slackMs;
    const asked = model.open({ requester, digest, rule, quorum, grant, withinMs, waits });
    return async (real) => {
      const hold = request({
        digest,
        ruleDigest: rule,
        requester: party(requester),
        chain: [party(requester), party('ada')],
        owner: waits ? 'gateway' : null,
        approval: { quorum, withinMs, grant },
      });
      const answer = await real.store.approvals.open(hold);
      expect(answer.kind).toBe(typeof asked === 'string' ? asked : 'exists');
      if (answer.kind === 'exists') expect(asked).toContain(model.holds[real.ids.indexOf(answer.id)]);
      if (asked !== 'opened') return;
      real.ids.push(hold.id);
      if (waits) real.wait(hold.id);
      else real.outcomes.push(null);
    };
  });

const idOf = (real: Real, n: number): HoldId => real.ids[n] ?? request().id;
const why = (result: VoteResult): string => (result.kind === 'refused' ? result.why : result.kind);

const vote = (n: number, voter: string, verdict: 'approve' | 'reject'): Command =>
  command(
    `vote(${n}, ${voter}, ${verdict})`,
    (model) => {
      const counted = model.vote(n, voter, verdict);
      return async (real) => {
        const result = await real.store.approvals.vote(idOf(real, n), person(voter), verdict, '');
        expect(why(result)).toBe(counted);
      };
    },
    (model) => verdict === 'reject' || !model.wouldBeAmbiguous(n),
  );

const defer = (n: number): Command =>
  command(`defer(${n})`, (model) => {
    const done = model.defer(n);
    return async (real) => expect(await real.store.approvals.defer(idOf(real, n))).toBe(done);
  });

const withdraw = (n: number): Command =>
  command(`withdraw(${n})`, (model) => {
    model.withdraw(n);
    return (real) => real.store.approvals.withdraw(idOf(real, n));
  });

const advance = (seconds: number): Command =>
  command(`advance(${seconds} s)`, (model) => {
    model.advance(seconds * 1000);
    return (real) => real.store.advance(seconds * 1000);
  });

const takeGrant = (agent: number, action: number): Command =>
  command(`takeGrant(${agent}, ${action})`, (model) => {
    const digest = `digest ${agent} ${action}`;
    const rule = `rule ${agent}`;
    const candidates = model.grantsFor(digest, rule);
    const [only] = candidates;
    if (only?.once) model.take(only);
    return async (real) => {
      const grant = await real.store.approvals.takeGrant([digest, rule]);
      const taken = grant === null ? -1 : real.ids.indexOf(grant.hold);
      const found = candidates.find((candidate) => candidate.hold === taken);
      expect(found === undefined).toBe(candidates.length === 0);
      if (grant === null || found === undefined) return;
      expect(grant.scope.kind).toBe(found.once ? 'exact' : 'window');
      const approvers = grant.approvers.map((approver) => approver.subject);
      expect(approvers).toEqual(model.holds[taken]?.votes.map(([voter]) => voter));
    };
  });

const hold = fc.nat({ max: 9 });
const agentNumber = fc.nat({ max: 1 });
const actionNumber = fc.nat({ max: 2 });
const grantScope: fc.Arbitrary<GrantScope> = fc.oneof(
  fc.constant({ kind: 'exact' } as const),
  fc.record({
    kind: fc.constant('window' as const),
    forMs: fc.constantFrom(90_000 + slackMs, 300_000 + slackMs),
    covers: fc.constantFrom('action' as const, 'rule' as const),
  }),
);
const commands = fc.commands<Model, readonly Real[], boolean>(
  [
    fc
      .record({
        agent: agentNumber,
        action: actionNumber,
        quorum: fc.integer({ min: 1, max: 2 }),
        minutes: fc.integer({ min: 1, max: 5 }),
        waits: fc.boolean(),
        grant: grantScope,
      })
      .map(open),
    fc
      .tuple(
        hold,
        fc.constantFrom('bob', 'cleo', 'ada', 'agent-0'),
        fc.constantFrom('approve' as const, 'approve' as const, 'reject' as const),
      )
      .map(([n, voter, verdict]) => vote(n, voter, verdict)),
    hold.map(defer),
    hold.map(withdraw),
    fc.tuple(agentNumber, actionNumber).map(([agent, action]) => takeGrant(agent, action)),
    fc.integer({ min: 1, max: 7 }).map((steps) => advance(steps * 15)),
  ],
  { size: '+1', maxCommands: 40 },
);

test('both stores do what the model does, whatever happens in whatever order', async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (run) => {
      const stores = [await startEmbedded(), await startRedisStore(server)];
      try {
        const setup = () => ({
          model: new Model(maxOpenPerPrincipal),
          real: stores.map((store) => new Real(store)),
        });
        await fc.asyncModelRun(setup, run);
      } finally {
        for (const store of stores) await store.stop();
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);
