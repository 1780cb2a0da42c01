/** How a client is asked for its token: for a password, or by SASL OAUTHBEARER. */
import { isLoopback, type SourceAddress } from '../../../core/model/address.ts';
import { Secret } from '../../../core/model/secret.ts';
import type { ListenerOauthSettings } from '../../../core/model/settings.ts';
import {
  authenticationSasl,
  authenticationSaslContinue,
  backend,
  frameOf,
  int32,
  ownMessage,
} from '../wire/backend.ts';
import { WireError } from '../wire/errors.ts';
import { headerBytes } from '../wire/frames.ts';
import { frontend, readPassword, readSaslInitialResponse, readSaslResponse } from '../wire/frontend.ts';
import { maxPasswordBytes } from '../wire/limits.ts';
import {
  acknowledgesFailure,
  oauthBearer,
  oauthBearerFailure,
  readOauthBearerResponse,
} from '../wire/oauthbearer.ts';
import { type Greeting, GreetingError } from './greeting.ts';
import { LoginRefused } from './login-refused.ts';

/** What the client has brought, not yet verified. */
export interface Presented {
  /** Null when what it brought has not the form of one. */
  readonly token: Secret | null;
  /** Whom the client wants to be; null when it leaves that to its token. */
  readonly authzid: string | null;
  /** For the client whose token will not do. */
  readonly hint: string;
  /** What comes before the error when the token will not do. @throws WireError, ByteSourceError */
  refuse(): Promise<void>;
}

/** The client has no token and has been told where it gets one: no login that failed, and the first half of most that succeed. */
export class TokenWanted extends LoginRefused {}

/** @throws WireError, ByteSourceError, GreetingError, TokenWanted */
export function askForToken(
  greeting: Greeting,
  source: SourceAddress,
  oauth: ListenerOauthSettings | null,
): Promise<Presented> {
  if (!greeting.encrypted && !isLoopback(source)) {
    throw new GreetingError(
      'tls-required',
      'a token is taken only over TLS; connect with sslmode=require or stricter',
    );
  }
  // What was sent before it was asked for would have been accepted by nobody yet.
  if (greeting.bytes.waiting > 0) {
    throw new GreetingError('protocol-violation', 'bytes came before the gateway had asked who is speaking');
  }
  return oauth === null ? askForPassword(greeting) : askForBearer(greeting, oauth);
}

const passwordHint =
  "The password is an access token from one of the gateway's issuers; get a fresh one and connect again.";

const bearerHint =
  "Bring an access token from one of the gateway's issuers; get a fresh one and connect again.";

async function askForPassword(greeting: Greeting): Promise<Presented> {
  // AuthenticationCleartextPassword: the only question for a password whose answer carries a token.
  const token = readPassword(await answerTo(greeting, frameOf(backend.authentication, int32(3))));
  return { token: new Secret(token), authzid: null, hint: passwordHint, refuse: () => Promise.resolve() };
}

async function askForBearer(greeting: Greeting, oauth: ListenerOauthSettings): Promise<Presented> {
  const initial = readSaslInitialResponse(await answerTo(greeting, authenticationSasl(oauthBearer)));
  if (initial.mechanism !== oauthBearer) {
    throw new WireError('out-of-order', 'the client chose a SASL mechanism that was not offered');
  }
  // RFC 4422 section 3: who leaves the initial response out gets an empty challenge.
  const response =
    initial.response ?? readSaslResponse(await answerTo(greeting, authenticationSaslContinue('')));
  const { authzid, bearer } = readOauthBearerResponse(response);
  const refuse = (): Promise<void> => tellFailure(greeting, oauth);
  if (bearer !== 'none') {
    return { token: bearer === 'malformed' ? null : bearer, authzid, hint: bearerHint, refuse };
  }
  await refuse();
  const message = `no token was brought; get one from ${oauth.issuerUrl} and connect again`;
  throw new TokenWanted(ownMessage({ severity: 'FATAL', sqlState: '28000', message }), message);
}

/** RFC 7628 section 3.2.3: the client says that it has read why, and only then the exchange fails. */
async function tellFailure(greeting: Greeting, { issuerUrl, scope }: ListenerOauthSettings): Promise<void> {
  const failure = authenticationSaslContinue(oauthBearerFailure(issuerUrl, scope));
  if (!acknowledgesFailure(readSaslResponse(await answerTo(greeting, failure)))) {
    throw new WireError('out-of-order', `the client does not end the ${oauthBearer} exchange`);
  }
}

/** Its length is checked before anything is kept for it. @throws GreetingError, ByteSourceError */
async function answerTo({ socket, bytes }: Greeting, question: Buffer): Promise<Buffer> {
  socket.write(question);
  const header = await bytes.atLeast(headerBytes);
  const frameBytes = 1 + header.readUInt32BE(1);
  if (header[0] !== frontend.password || frameBytes < headerBytes || frameBytes > maxPasswordBytes) {
    throw new GreetingError('protocol-violation', 'the answer to the question for a token is not one');
  }
  return bytes.take(frameBytes);
}
