import { createHash, randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../../model/clock.ts';
import { messageOf } from '../../model/errors.ts';
import {
  type Approvals,
  ApprovalsError,
  type Grant,
  type Hold,
  type HoldOutcome,
  type HoldRequest,
  type OpenResult,
  type Vote,
  type VoteRefusal,
  type VoteResult,
} from '../../model/hold.ts';
import { type HoldId, holdId, newGrantId } from '../../model/ids.ts';
import type { Logger } from '../../model/log.ts';
import type { Party, Principal } from '../../model/principal.ts';
import type { Secret } from '../../model/secret.ts';
import { RedisError } from '../../redis/errors.ts';
import { RedisLink, type RedisLinkParts } from '../../redis/link.ts';
import type { Script } from '../../redis/script.ts';
import { acceptedReason, acceptedRequest } from '../acceptable.ts';
import { voteRefusal } from '../eligibility.ts';
import { heartbeatsPerLease, holdsPerFetch, maxOpenHolds, ownerLeaseMs } from '../limits.ts';
import { alsoGrantsLastMs, approvalsLeft, approversOf, grantTerms } from '../votes.ts';
import { grantFrom, holdFrom, lists, texts } from './redis-records.ts';
import { type Claim, WaitingPlace } from './redis-waiting.ts';
import { scripts } from './scripts.ts';

export interface RedisApprovalsParts {
  /** `redis://` or `rediss://`, with user, password and database if need be. */
  readonly url: Secret;
  readonly maxOpenPerPrincipal: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Keeps several deployments apart in one Redis. */
  readonly prefix?: string;
  /** How long this process counts as alive after its last sign of life. */
  readonly leaseMs?: number;
}

/**
 * Holds and grants in Redis, shared by any number of gateways. Each command is one Lua script, so Redis decides every
 * race; times are Redis's own.
 *
 * Redis must not forget what it has confirmed: one that restarts from an older state (`appendfsync everysec`, a
 * snapshot, a replica that lagged) can bring back a grant that was used up. Without persistence it forgets everything,
 * which is safe: nothing is approved then.
 */
export class RedisApprovals implements Approvals {
  readonly #parts: RedisApprovalsParts;
  readonly #link: RedisLink;
  readonly #waiting: WaitingPlace;
  readonly #prefix: string;
  readonly #leaseMs: number;
  /** Not the gateway's name: a process that starts anew under the same name must not inherit what nobody waits for. */
  readonly #owner = randomUUID();
  #heartbeat: Timer | null = null;
  #beating = false;
  #beatAgain = false;
  #closed = false;

  /**
   * Redis need not be there yet: until it is, commands fail, and what needs no approval goes on.
   * @throws ApprovalsError `invalid-url`
   */
  static async start(parts: RedisApprovalsParts): Promise<RedisApprovals> {
    const approvals = new RedisApprovals(parts);
    await approvals.#link.start();
    approvals.#beatLater();
    return approvals;
  }

  private constructor(parts: RedisApprovalsParts) {
    const { clock, log } = parts;
    this.#parts = parts;
    this.#prefix = `{${parts.prefix ?? 'sallyport'}}`;
    this.#leaseMs = parts.leaseMs ?? ownerLeaseMs;
    this.#waiting = new WaitingPlace({
      clock,
      log,
      claim: (id, wait) => this.#claim(id, wait),
      withdraw: async (ids) => {
        await this.#run(scripts.withdraw, ids);
      },
    });
    this.#link = linkOf({
      url: parts.url,
      channels: [`${this.#prefix}:decided:${this.#owner}`],
      purpose: 'approvals',
      log,
      message: (id) => this.#waiting.decided(holdId(id)),
      missedMessages: () => void this.#beat(),
    });
  }

  async open(request: HoldRequest): Promise<OpenResult> {
    const json = acceptedRequest(request);
    const { id, approval, owner } = request;
    const grant = grantTerms(request);
    const waits = owner !== null;
    const args = [
      ...[id, requesterDigest(request.requester), waits ? this.#owner : '', approval.withinMs],
      ...[this.#parts.maxOpenPerPrincipal, maxOpenHolds, request.digest, json, approval.quorum],
      ...[JSON.stringify(approval.grant), approval.grant.kind, grant.digest, grant.lastsMs, this.#leaseMs],
      ...[alsoGrantsLastMs(request), ...request.alsoApproves.map((other) => other.digest)],
    ];
    let reply: readonly string[];
    try {
      reply = texts(await this.#run(scripts.open, args));
    } catch (error) {
      // It may have been opened all the same, and nobody will wait for it.
      if (waits) this.#waiting.orphan(id);
      throw error;
    }
    const [kind, first = '', second = ''] = reply;
    switch (kind) {
      case 'opened':
        if (waits) this.#waiting.opened(id, approval.withinMs);
        return { kind, expiresAtMs: Number(first) };
      case 'exists':
        return { kind, id: holdId(first), expiresAtMs: Number(second) };
      case 'too-many':
        return { kind };
      default:
        throw new ApprovalsError('invalid-request', `hold ${id}: the id was used before`);
    }
  }

  async takeGrant(digests: readonly string[]): Promise<Grant | null> {
    const fields = texts(await this.#run(scripts.takeGrant, digests));
    return fields.length === 0 ? null : grantFrom(fields);
  }

  async outcome(id: HoldId): Promise<HoldOutcome> {
    this.#mustBeOpen();
    return this.#waiting.outcome(id);
  }

  async defer(id: HoldId): Promise<boolean> {
    return (await this.#run(scripts.defer, [id])) === 1;
  }

  async withdraw(id: HoldId): Promise<void> {
    try {
      await this.#run(scripts.withdraw, [id]);
    } catch (error) {
      this.#waiting.orphan(id);
      this.#waiting.leave(id);
      throw error;
    }
    this.#waiting.decided(id);
  }

  async vote(id: HoldId, approver: Principal, verdict: Vote['verdict'], reason: string): Promise<VoteResult> {
    const hold = await this.show(id);
    if (hold === null) return { kind: 'refused', why: 'unknown-hold' };
    const refusal = voteRefusal(hold.request, approver);
    if (refusal !== null) return { kind: 'refused', why: refusal };
    const party = partyText({ issuer: approver.issuer, subject: approver.subject });
    const others = hold.request.alsoApproves.map(() => newGrantId());
    const args = [id, party, verdict, acceptedReason(reason), newGrantId(), ...others];
    const [kind, ...rest] = texts(await this.#run(scripts.vote, args));
    if (kind !== 'counted') return { kind: 'refused', why: refusalFrom(rest[0]) };
    const counted = holdFrom(rest);
    return {
      kind: 'counted',
      hold: counted,
      approvalsLeft: approvalsLeft(counted.request, counted.votes),
    };
  }

  async show(id: HoldId): Promise<Hold | null> {
    const [fields = []] = lists(await this.#run(scripts.show, [id]));
    return fields.length === 0 ? null : holdFrom(fields);
  }

  async list(): Promise<readonly Hold[]> {
    const [openIds = [], endedIds = []] = lists(await this.#run(scripts.list, []));
    const found = await this.#fetch([...openIds, ...endedIds]);
    const open = found.filter((hold) => hold.state === 'open');
    open.sort((left, right) => right.request.openedAtMs - left.request.openedAtMs);
    return [...open, ...found.filter((hold) => hold.state !== 'open')];
  }

  /** Withdraws what clients of this process wait for; deferred holds and grants stay. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#heartbeat?.cancel();
    try {
      await this.#link.run(scripts.withdraw, this.#prefix, this.#waiting.ids);
    } catch (error) {
      this.#parts.log.warn(
        { error: messageOf(error) },
        'open holds could not be withdrawn; their lease ends them',
      );
    }
    this.#waiting.close();
    this.#link.close();
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new ApprovalsError('closed', 'the approvals are closed');
  }

  async #run(script: Script, args: readonly (string | number)[]): Promise<unknown> {
    this.#mustBeOpen();
    try {
      return await this.#link.run(script, this.#prefix, args);
    } catch (error) {
      throw approvalsErrorOf(error);
    }
  }

  async #claim(id: HoldId, wait: string): Promise<Claim> {
    const [kind, ...rest] = texts(await this.#run(scripts.claim, [id, this.#owner, wait]));
    switch (kind) {
      case 'pending':
        return { kind, leftMs: Number(rest[0]) };
      case 'released':
        return { kind, approvers: approversOf(holdFrom(rest).votes) };
      case 'rejected': {
        const last = holdFrom(rest).votes.at(-1);
        if (last === undefined) throw new ApprovalsError('corrupt', `hold ${id} was rejected by nobody`);
        return { kind, by: last.approver, reason: last.reason };
      }
      case 'deferred':
      case 'expired':
      case 'withdrawn':
        return { kind };
      default:
        throw new ApprovalsError('not-owner', `the client of hold ${id} does not wait at this process`);
    }
  }

  /** In the order of the ids; without those that are gone meanwhile. */
  async #fetch(ids: readonly string[]): Promise<Hold[]> {
    const holds: Hold[] = [];
    for (let from = 0; from < ids.length; from += holdsPerFetch) {
      const batch = ids.slice(from, from + holdsPerFetch);
      for (const fields of lists(await this.#run(scripts.show, batch))) {
        const hold = fields.length === 0 ? null : this.#readable(fields);
        if (hold !== null) holds.push(hold);
      }
    }
    return holds;
  }

  /** One hold of a newer gateway that this one cannot read must not hide all the others. */
  #readable(fields: readonly string[]): Hold | null {
    try {
      return holdFrom(fields);
    } catch (error) {
      this.#parts.log.error({ error: messageOf(error) }, 'a hold in Redis cannot be read and is not listed');
      return null;
    }
  }

  #beatLater(): void {
    if (this.#closed) return;
    this.#heartbeat = this.#parts.clock.after(this.#leaseMs / heartbeatsPerLease, () => {
      void this.#beat().then(() => this.#beatLater());
    });
  }

  /** Never rejects. */
  async #beat(): Promise<void> {
    this.#beatAgain = true;
    if (this.#beating) return;
    this.#beating = true;
    // One that was asked for while another was under way is not covered by it: Redis may have answered that before.
    while (this.#beatAgain && !this.#closed) {
      this.#beatAgain = false;
      try {
        const open = texts(await this.#run(scripts.heartbeat, [this.#owner, this.#leaseMs]));
        await this.#waiting.stillOpen(new Set(open));
      } catch (error) {
        this.#parts.log.debug({ error: messageOf(error) }, 'a heartbeat was lost');
      }
    }
    this.#beating = false;
  }
}

/** @throws ApprovalsError `invalid-url` */
function linkOf(parts: RedisLinkParts): RedisLink {
  try {
    return new RedisLink(parts);
  } catch (error) {
    throw approvalsErrorOf(error);
  }
}

const approvalsErrorOf = (error: unknown): unknown =>
  error instanceof RedisError ? new ApprovalsError(error.code, error.message) : error;

/** One spelling for one party: it is compared as text in Redis. */
const partyText = ({ issuer, subject }: Party): string => JSON.stringify({ issuer, subject });

/** Subjects may be long; a key need not be. */
const requesterDigest = (requester: Party): string =>
  createHash('sha256').update(partyText(requester)).digest('hex');

function refusalFrom(why: string | undefined): VoteRefusal {
  switch (why) {
    case 'unknown-hold':
    case 'not-open':
    case 'expired':
    case 'already-voted':
    case 'owner-gone':
      return why;
    default:
      throw new ApprovalsError('corrupt', 'a script refused a vote for a reason of its own');
  }
}
