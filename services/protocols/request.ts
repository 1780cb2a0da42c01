/** What Envoy asks about each HTTP request, and what it can be told. The protobuf of it is the edge's (services/edge). */
import type { X509Certificate } from 'node:crypto';
import type { SourceAddress } from '../core/model/address.ts';
import type { ListenerName, TargetName } from '../core/model/ids.ts';

/** Names are in lower case. A value is its bytes, one character each (latin1): HTTP knows no other encoding there. */
export interface Header {
  readonly name: string;
  readonly value: string;
}

/** Where Envoy's routes lead a request. */
export interface RequestRoute {
  readonly target: TargetName;
  /** What Envoy takes off the beginning of the path before it forwards it; empty for a target with a host name of its own. */
  readonly prefix: string;
  /** What Envoy puts there instead: the path of the target's URL, without a slash at its end. */
  readonly basePath: string;
  readonly kind: RouteKind;
}

/**
 * What Envoy does with the body of a request: `whole` is read before the decision, `streamed` goes on as it comes once its head is let
 * through, and what follows the head of an `upgrade` (to a WebSocket, say) is no body.
 */
export const routeKinds = ['whole', 'streamed', 'upgrade'] as const;
export type RouteKind = (typeof routeKinds)[number];

/** A request in the form in which Envoy forwards it once it is let through, but for the route's prefix. */
export interface ArrivedRequest {
  readonly listener: ListenerName;
  readonly source: SourceAddress;
  /** Verified by Envoy against the listener's CA. */
  readonly certificate: X509Certificate | null;
  readonly method: string;
  /** `Host`, or `:authority`; with its port. */
  readonly host: string;
  /** With the query. */
  readonly path: string;
  /** In their order, without pseudo-headers. */
  readonly headers: readonly Header[];
  /** Empty when the route's kind is not `whole`. */
  readonly body: Buffer;
  /** Null when no target has this host name or path. */
  readonly route: RequestRoute | null;
}

/** Statuses with which the gateway answers itself; protos/envoy/type/v3/http_status.proto has the same. */
export type OwnStatus = 400 | 401 | 403 | 404 | 409 | 413 | 422 | 429 | 502 | 503;

/** For Envoy's access log. */
export type AnswerNotes = Readonly<Record<string, string>>;

/**
 * What of an exchange passes through this process before it goes on: nothing; the answer if it turns out to be a stream, so that it ends with its
 * session; the answer; the answer of an upload, which can be ended before there is one; or what both sides say.
 */
export type Reading = 'nothing' | 'streams' | 'answer' | 'upload' | 'both-ways';

export type RequestAnswer =
  /** It goes to the target, with these headers taken off and then those set. */
  | {
      readonly kind: 'pass';
      readonly remove: readonly string[];
      readonly set: readonly Header[];
      readonly reading: Reading;
      readonly notes: AnswerNotes;
    }
  | {
      readonly kind: 'answer';
      readonly status: OwnStatus;
      readonly headers: readonly Header[];
      readonly body: string;
      readonly notes: AnswerNotes;
    };

/** What the gateway answers itself. */
export type OwnAnswer = Extract<RequestAnswer, { kind: 'answer' }>;

/** How the headers of an answer of a target change: some are taken off, then some set, all of a name in a row. */
export interface HeaderChanges {
  readonly remove: readonly string[];
  readonly set: readonly Header[];
}

export interface AnswerHead {
  readonly status: number;
  /** Without pseudo-headers. */
  readonly headers: readonly Header[];
  readonly hasBody: boolean;
}

export type AnswerVerdict =
  | ({
      readonly kind: 'pass';
      /** Its body goes through `packedBody`, and otherwise through `body`. */
      readonly isPacked: boolean;
    } & HeaderChanges)
  | OwnAnswer;

/** Reads what a target answers to one request, before the client sees it. Its calls come in the order in which they stand here. */
export interface AnswerReader {
  /** Called at once when it must go no further, as its session has ended. */
  onCut(cut: () => void): void;
  /** So much has gone to the target, behind the head of the request. Comes at any time. */
  sent(bytes: number): void;
  /** Envoy has answered in the target's place. */
  unanswered(status: number): void;
  head(head: AnswerHead): AnswerVerdict;
  /** What of the body goes on now; null when nothing of it may, any more. An empty chunk may be the last. */
  body(chunk: Buffer, isLast: boolean): Buffer | null;
  /** What is said in its place where nothing of it has gone on yet, once `body` or `packedBody` has given null. */
  inPlace(): OwnAnswer;
  /** The same in parts, of which the next is made when the one before was taken. */
  packedBody(chunk: Buffer, isLast: boolean): AsyncIterable<Buffer | null>;
  /** Behind the body's last chunk. */
  trailers(headers: readonly Header[]): HeaderChanges;
  /** Nothing more comes: it is over, or the client or the target has left. */
  closed(): void;
}
