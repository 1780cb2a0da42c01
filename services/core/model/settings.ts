/** sallyport.yaml once it has been read, checked and resolved: what `core/config` makes and everybody else reads. */
import type { ListenerName, TargetName } from './ids.ts';
import type { PrincipalKind } from './principal.ts';
import type { PrincipalPattern } from './principal-pattern.ts';
import type { Secret } from './secret.ts';

export interface Settings {
  readonly gateway: GatewaySettings;
  readonly identity: IdentitySettings;
  readonly targets: readonly TargetSettings[];
  /** Absolute paths of policy files, in the order of the config, patterns expanded. */
  readonly policyFiles: readonly string[];
  readonly approvals: ApprovalSettings;
  readonly audit: AuditSettings;
  readonly console: ConsoleSettings;
}

export interface GatewaySettings {
  /** Absolute path of the folder for trail, transcripts, keys, journals and sockets; made with mode 0700. */
  readonly stateDir: string;
  /** Gateway processes on this machine, among which Envoy spreads the connections. */
  readonly workers: number;
  readonly listeners: readonly ListenerSettings[];
  readonly envoy: EnvoySettings;
}

/** One port that Envoy binds. */
export interface ListenerSettings {
  readonly name: ListenerName;
  readonly protocol: string;
  readonly address: string;
  /** 0 lets the kernel choose; Envoy's admin tells which. */
  readonly port: number;
  readonly tls: ListenerTlsSettings | null;
  readonly oauth: ListenerOauthSettings | null;
  /** CIDR ranges that may connect at all; null is everybody. */
  readonly sources: readonly string[] | null;
  readonly maxConnections: number;
  readonly connectionsPerSecond: number;
  /** Longest time without a byte in either direction before Envoy closes the connection. Must outlive every hold. */
  readonly idleTimeoutMs: number;
}

export interface ListenerTlsSettings {
  /** PEM. */
  readonly certificate: string;
  readonly key: Secret;
  /** PEM; client certificates are asked for and verified against it when it is given. */
  readonly clientCa: string | null;
  /** Refuse clients that do not ask for TLS. */
  readonly required: boolean;
}

/** What is said to clients that fetch their token themselves (SASL OAUTHBEARER, RFC 7628). */
export interface ListenerOauthSettings {
  /** `url` of the issuer to which they are sent. */
  readonly issuerUrl: string;
  /** What they ask it for (RFC 6749 section 3.3). */
  readonly scope: string;
  /** Every client is asked in this way, and none for a password. */
  readonly required: boolean;
}

export interface EnvoySettings {
  /** `host:port` for Envoy's admin interface; null keeps it on a unix socket in the state folder. */
  readonly admin: string | null;
  /** Envoy's worker threads; null is one per core. */
  readonly concurrency: number | null;
}

export interface IdentitySettings {
  readonly issuers: readonly IssuerSettings[];
  readonly certificates: readonly CertificateRule[];
  /** Principals that are refused, and whose sessions end when the config is reloaded. */
  readonly disabled: readonly PrincipalPattern[];
  readonly lockout: { readonly failures: number; readonly windowMs: number; readonly lockMs: number };
  /** How long a session may go on after its credential has expired. */
  readonly credentialGraceMs: number;
}

export interface IssuerSettings {
  readonly name: string;
  /** The exact `iss`, and the base of discovery. `http` only on loopback. */
  readonly url: string;
  /** `aud` of tokens that open sessions; `aud` must be exactly this, not a list with others. */
  readonly audience: string;
  /** `aud` of tokens that people bring to the gateway's own API; null: this issuer gives none. */
  readonly consoleAudience: string | null;
  /** Asymmetric JWS algorithms; nothing else is verified. */
  readonly algorithms: readonly string[];
  /** Accepted `typ` headers, lower case, without `application/`: `at+jwt` for RFC 9068, `jwt` for older issuers. */
  readonly tokenTypes: readonly string[];
  readonly clockToleranceMs: number;
  /** Longest `exp - iat`; null is no limit. */
  readonly maxTokenAgeMs: number | null;
  /** Claims that must be there, beside iss, sub, aud, exp and iat. */
  readonly requiredClaims: readonly string[];
  readonly claims: ClaimMapping;
  /** Where keys are, when discovery is not wanted. */
  readonly jwksUrl: string | null;
  /** OAuth client of `sallyport login` (RFC 8628 device grant); null: no login by this issuer. */
  readonly loginClientId: string | null;
  /** PEM of CAs for this issuer's TLS, beside the system's. */
  readonly ca: string | null;
}

/** Which claims say what; paths with dots reach into objects (`realm_access.roles`). */
export interface ClaimMapping {
  readonly subject: string;
  readonly groups: string;
  /** Claim whose value is `agent`, `workload` or `person`; null: every principal is `defaultKind`. */
  readonly kind: string | null;
  /** For tokens without the claim. An unknown value in the claim is refused. */
  readonly defaultKind: PrincipalKind;
}

/** Maps client certificates to principals. The first rule that matches decides. */
export interface CertificateRule {
  readonly name: string;
  /** `*` matches any run of characters; null matches whatever is there. At least one of the two is given. */
  readonly commonName: string | null;
  readonly alternativeName: string | null;
  /** `{commonName}` and `{alternativeName}` stand for what was matched. */
  readonly subject: string;
  readonly kind: PrincipalKind;
  readonly groups: readonly string[];
}

export interface TargetSettings {
  readonly name: TargetName;
  readonly protocol: string;
  /** The protocol of the listeners that lead to it. */
  readonly listeners: string;
  /** Of the shape that the protocol's `targetSchema` gives; only the protocol looks inside. */
  readonly settings: unknown;
}

export interface ApprovalSettings {
  /** `redis://` or `rediss://` URL, which may hold a password; null keeps holds and grants in this process. */
  readonly redisUrl: Secret | null;
  /** Holds that one principal may have open at a time. */
  readonly maxOpenPerPrincipal: number;
}

export interface AuditSettings {
  readonly segmentBytes: number;
  /** A signed checkpoint is written at least this often while records come in. */
  readonly checkpointEveryMs: number;
  readonly checkpointEveryRecords: number;
  /** PEM (PKCS#8) of an Ed25519 private key; null: one is made in the state folder. */
  readonly signingKey: Secret | null;
  readonly transcripts: {
    readonly enabled: boolean;
    readonly maxResultBytes: number;
    readonly maxSessionBytes: number;
  };
}

/** What people may do in the gateway's own API. Who approves what is said by the rules of policies. */
export interface ConsoleSettings {
  /** May list all sessions, transcripts and holds, and end sessions. */
  readonly operators: readonly PrincipalPattern[];
  /** May read all sessions, transcripts and holds. */
  readonly auditors: readonly PrincipalPattern[];
}
