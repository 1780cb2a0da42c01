import { type OutgoingHttpHeaders, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body as JSON. */
  readonly json: Record<string, unknown>;
}

export interface Asked {
  readonly method?: string;
  readonly token?: string | null;
  readonly body?: unknown;
  readonly headers?: OutgoingHttpHeaders;
}

/** One request over a unix socket, as any HTTP client would send it. */
export function ask(socketPath: string, path: string, asked: Asked = {}): Promise<Answer> {
  const { token = null, body, headers = {} } = asked;
  const content = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        socketPath,
        path,
        method: asked.method ?? (content === null ? 'GET' : 'POST'),
        agent: false,
        headers: {
          ...(token !== null && { authorization: `Bearer ${token}` }),
          ...(content !== null && { 'content-type': 'application/json' }),
          ...headers,
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
        });
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            get json() {
              return JSON.parse(text);
            },
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(content ?? undefined);
  });
}
