import type { KeyObject, X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import type { z } from 'zod';
import type { Checkpoint } from '../core/checkpoint/contract.ts';
import type { Effect, Intent } from '../core/model/action.ts';
import type { SourceAddress } from '../core/model/address.ts';
import type { Clock } from '../core/model/clock.ts';
import type { Mask, Obligations, RuleOutcome } from '../core/model/decision.ts';
import type { Identity, VerifiedCertificate } from '../core/model/identity.ts';
import type { ListenerName, TargetName } from '../core/model/ids.ts';
import type { Logger } from '../core/model/log.ts';
import type { Secret } from '../core/model/secret.ts';
import type { ListenerOauthSettings, ListenerSettings } from '../core/model/settings.ts';
import type { Telemetry } from '../core/model/telemetry.ts';
import type { AnswerReader, ArrivedRequest, RequestAnswer } from './request.ts';

/** The building blocks of config sections, made by core/config; a protocol composes its target section of them. */
export interface ConfigParts {
  /** `env:NAME` or `file:PATH`, read while loading. */
  readonly secret: z.ZodType<Secret, string>;
  /** `30s`, `5m`, `2h`, `1d` -> milliseconds. */
  readonly duration: z.ZodType<number, string>;
  /** `512KiB`, `16MiB` or a number of bytes -> bytes. */
  readonly size: z.ZodType<number, string | number>;
  /** A path, resolved against the folder of the file that names it, that must be readable -> its text. */
  readonly textFile: z.ZodType<string, string>;
}

/** A condition that a rule may carry, in the protocol's own words (`tables: [app.*]`). */
export interface EffectCondition {
  readonly schema: z.ZodType;
  /**
   * `value` is the schema's output. Called once a policy is loaded, never on the hot path. What a rule with outcome `allow` matches it
   * must cover whole (every column that is read); for `deny` and `hold` any part is enough (one such column).
   */
  compile(value: unknown, outcome: RuleOutcome): (effect: Effect) => boolean;
}

/** What a protocol adds to the policy language. */
export interface PolicyWords {
  readonly verbs: readonly string[];
  /** Reasons for which an action can be opaque; a rule names them with `opaque: [...]`. */
  readonly opaqueReasons: readonly string[];
  readonly conditions: Readonly<Record<string, EffectCondition>>;
  /**
   * How many times this effect asks whether a field of these masks has a value that the client has written; none where the fields choose and
   * compute nothing. Infinite where they are used in any other way, so that nobody can count what it tells.
   */
  guesses(masks: readonly Mask[], effect: Effect): number;
  /** Those parameters, from 0, each of whose items is such a value; in `guesses` each of them counts as one. */
  guessedLists?(masks: readonly Mask[], effect: Effect): readonly number[];
  /** Whether what is computed from a masked field comes back masked, so that a mask need not refuse it. */
  readonly masksDerived: boolean;
  /** Whether what this effect returns holds a value that was computed from one of the mask's fields. */
  returnsDerived(mask: Mask, effect: Effect): boolean;
  /**
   * Whether an effect may give a value of a masked field without it being known where. That is refused unless a rule names `reason`, one
   * of the opaque reasons, which counts for principals under masks alone.
   */
  readonly untraced?: { readonly reason: string; mayReturn(mask: Mask, effect: Effect): boolean };
  /** Whether the effect is one on definitions: where it uses a masked field, that would come to lie where its mask is not. */
  unmasks?(effect: Effect): boolean;
  /** Whether these effects change nothing: what they tell of a field is then what the target shows of it. Without it, none do. */
  onlyReads?(effects: readonly Effect[]): boolean;
  /** What is wrong with a mask's field pattern, in a sentence; null when nothing is. */
  fieldProblem(pattern: string): string | null;
  /** Whether what targets answer passes through the gateway's hands: without, it can neither be masked nor counted. */
  readonly readsAnswers: boolean;
  /** Whether what they answer comes in rows, so that a policy can limit their number. */
  readonly countsRows: boolean;
}

/** A connection that Envoy's TCP proxy has passed on; the PROXY header has been read and taken off. */
export interface AcceptedConnection {
  readonly socket: Socket;
  readonly source: SourceAddress;
  readonly listener: ListenerName;
}

/** The TLS that an engine speaks to clients on one listener. */
export interface ListenerTls {
  readonly context: SecureContext;
  /** Refuse clients that do not ask for TLS. */
  readonly required: boolean;
  /** Ask for a client certificate; it is verified against the CA in the context. */
  readonly clientCertificates: boolean;
}

/** What an engine is given by main.ts. */
export interface EngineServices<Target> {
  readonly checkpoint: Checkpoint;
  readonly identity: Identity;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly log: Logger;
  /** The key of pseudonyms (`hash`): the gateway's own, and the same after a restart. */
  readonly maskingKey: KeyObject;
  tls(listener: ListenerName): ListenerTls | null;
  oauth(listener: ListenerName): ListenerOauthSettings | null;
  /** The names in a certificate that TLS has verified. @throws IdentityError when they cannot be read safely */
  readCertificate(peer: X509Certificate): VerifiedCertificate;
  /** The target of this name with this protocol, as the config says now. */
  target(name: TargetName): Target | null;
  /** How Envoy finds this process among the others, when it brings a stream. */
  readonly streamProcess: string;
  /** Tells the engines of this protocol in all other gateway processes. */
  tellOthers(news: EngineNews): void;
}

/** What engines of one protocol in several processes tell each other. */
export type EngineNews =
  /** A client asked to stop what another of its connections runs, and none of them is here. */
  | { readonly kind: 'cancel'; readonly key: string }
  /** A session has changed definitions at a target. */
  | { readonly kind: 'definitions-changed'; readonly target: TargetName }
  /** A person has ended a session, and with it what its client may do by the same credential. `key` tells which. */
  | { readonly kind: 'session-revoked'; readonly key: string };

/** A protocol at work in one process. */
interface EngineAtWork {
  /** Another process has told this. */
  told(news: EngineNews): void;
  /**
   * Opens no more sessions. What runs is finished, what waits for a person is deferred, then each session ends in the protocol's own
   * words for "shutting down". Resolves when none is left; whoever cannot wait so long calls `close`.
   */
  drain(): Promise<void>;
  /** Ends every session at once, in the same words; what runs is stopped at the target. */
  close(): Promise<void>;
}

/** Of a protocol whose connections Envoy passes on as they are. */
export interface ConnectionEngine extends EngineAtWork {
  readonly takes: 'connections';
  accept(connection: AcceptedConnection): void;
}

/** Takes streams, once they were decided on. */
export interface StreamIntake {
  /** An upgrade that Envoy has brought; `head` is what came behind its headers. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** Of a protocol whose requests Envoy forwards itself, once it was told that it may. */
export interface RequestEngine extends EngineAtWork {
  readonly takes: 'requests';
  /** Never rejects but for a bug. `gone`: the client has hung up, and nobody waits for the answer. */
  check(request: ArrivedRequest, gone: AbortSignal): Promise<RequestAnswer>;
  /** Who takes the requests that become streams, which Envoy brings here; null when none do. */
  readonly streams: StreamIntake | null;
  /** Who reads what the target answers to this action; null when nobody waits for that, and it must not be shown. Asked once. */
  answerTo(action: string): AnswerReader | null;
  /** Who ends with this session what has turned out to be a stream; null when no such session is open. */
  streamIn(session: string): AnswerReader | null;
}

export type Engine = ConnectionEngine | RequestEngine;

/** A name pattern as a policy uses it: `app.users` under `tables`; a mask's stand under `fields`. */
export interface UsedPattern {
  readonly condition: string;
  readonly pattern: string;
}

/** A pattern that names nothing in the target. */
export interface UnmatchedPattern {
  readonly used: UsedPattern;
  readonly message: string;
}

/** What an analysis has found, beside what is decided. */
export interface Understanding {
  /** For people: titles, and lines of text. */
  readonly sections: readonly { readonly title: string; readonly lines: readonly string[] }[];
  /** The same for programs. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** What `policy explain` and `check --online` need of a target: its catalog, without a session. */
export interface Analyst {
  /** What the text would do in a session in which the texts of `sessionSetup` were run before. */
  analyse(text: string, sessionSetup: readonly string[]): Promise<Intent>;
  /** `app.users.email -> email`: the masks that these obligations put on what the text would return. `intent` comes from `analyse`. */
  masks(intent: Intent, obligations: Obligations): readonly string[];
  /** What stands behind the effects of `intent`, which comes from `analyse`. Absent where effects say all. */
  understanding?(intent: Intent, obligations: Obligations): Understanding;
  /** Whether the target itself masks what a session under these obligations sees. */
  masksInTarget?(obligations: Obligations): boolean;
  /** Which of these match nothing in the catalog. */
  unmatched(patterns: readonly UsedPattern[]): readonly UnmatchedPattern[];
  /** For `check --online`: goes as far as can be told without doing anything there. @throws when the target cannot be reached */
  reach(): Promise<void>;
  close(): Promise<void>;
}

/** One set of masks, and the ring inside the target that shows these fields masked only. */
export interface MaskSetStatus {
  /** What it is called in the target. */
  readonly name: string;
  /** `app.users.email -> email` */
  readonly masks: readonly string[];
  readonly state: 'installed' | 'missing' | 'stale';
  /** What has changed, where it is stale; and what it does not cover. */
  readonly notes: readonly string[];
}

export interface MaskingStatus {
  readonly sets: readonly MaskSetStatus[];
  /** Rings of sets of masks that no policy has any more. */
  readonly unwanted: readonly string[];
  /** What no ring protects from. */
  readonly warnings: readonly string[];
}

/** Puts masks into a target itself, for sets of masks that policies make. */
export interface MaskInstaller {
  readonly status: MaskingStatus;
  /** What an administrator of the target would run. Secret: it has keys in it. */
  installScript(): Promise<string>;
  /** Null when there is nothing to take away. */
  uninstallScript(which: 'all' | 'unwanted'): string | null;
  /** Runs a script as this user of the target. @throws the protocol's typed error */
  run(script: string, user: string, password: Secret | null): Promise<void>;
}

/** The key of the listener that is wrong, as it is written, and a message that goes on from its name. */
export interface ListenerFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** A protocol: everything that the rest of the gateway knows about it. */
export interface Protocol<Target = unknown> {
  readonly name: string;
  /** What clients speak on the listeners that lead to its targets: its own name, but for what is spoken over HTTP. */
  readonly listeners: string;
  readonly policy: PolicyWords;
  /** The section of a target in sallyport.yaml, beside `name` and `protocol`. */
  targetSchema(parts: ConfigParts): z.ZodType<Target>;
  /** What of a listener's settings does not go with the protocol; null when all does. */
  listenerFault?(listener: ListenerSettings): ListenerFault | null;
  createEngine(services: EngineServices<Target>): Engine;
  /** Reads what an analysis takes from the target. @throws the protocol's typed error when it cannot be reached for that. */
  createAnalyst(
    name: TargetName,
    target: Target,
    log: Logger,
    /** The gateway's own; null where it cannot be read, so that some things about masks stay unsaid. */
    maskingKey: KeyObject | null,
  ): Promise<Analyst>;
  /** Null when the target's section does not ask for it. @throws the protocol's typed error when the target cannot be reached */
  createMaskInstaller?(
    name: TargetName,
    target: Target,
    sets: readonly Obligations[],
    /** Read only where the target's section asks for it. */
    maskingKey: () => Promise<KeyObject>,
  ): Promise<MaskInstaller | null>;
}
