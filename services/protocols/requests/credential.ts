import type { Header } from '../request.ts';
import type { TargetCredential } from './target.ts';

/** The headers by which the target knows the gateway. */
export function credentialHeaders(credential: TargetCredential): readonly Header[] {
  switch (credential.kind) {
    case 'none':
      return [];
    case 'bearer':
      return [{ name: 'authorization', value: `Bearer ${credential.token.reveal()}` }];
    case 'basic': {
      const pair = `${credential.user}:${credential.password.reveal()}`;
      return [{ name: 'authorization', value: `Basic ${Buffer.from(pair).toString('base64')}` }];
    }
    case 'header':
      return [{ name: credential.name, value: credential.value.reveal() }];
  }
}
