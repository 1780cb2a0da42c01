/** Secret keys whose issuers give them a prefix, so that scanners can find them. */
export interface ApiKeyForm {
  readonly prefix: string;
  /** Where in the prefix the byte stands at which it is tried. */
  readonly anchor: number;
  /** How many characters come after the prefix at least. */
  readonly tail: number;
  readonly alphabet: TailAlphabet;
}

/**
 * What random characters surely hold: letters of both cases (base62 without a single digit is not rare: one key of twenty characters in
 * thirty); digits too, where the prefix is a word of other texts; in hex digits and nothing beyond f. `base64` has signs that stand
 * between values elsewhere, and is no run without an end.
 */
export type TailAlphabet = 'letters' | 'mixed' | 'hex' | 'base64';

/** @param anchor where the second of two characters stands that are rare in texts, and no digit; the last ones, if it is not given */
const form = (
  prefix: string,
  tail: number,
  alphabet: TailAlphabet,
  anchor = prefix.length - 1,
): ApiKeyForm => ({
  prefix,
  anchor,
  tail,
  alphabet,
});

const all = (prefixes: string, tail: number, alphabet: TailAlphabet): readonly ApiKeyForm[] =>
  prefixes.split(' ').map((prefix) => form(prefix, tail, alphabet));

/** Of each with the shortest tail it has. */
export const apiKeyForms: readonly ApiKeyForm[] = [
  ...all('ghp_ gho_ ghu_ ghs_ ghr_ github_pat_', 36, 'letters'), // GitHub
  ...all('glpat- gldt- glrt- glft- glcbt- glptt- glsoat- glagent- gloas-', 20, 'letters'), // GitLab
  form('sk-', 32, 'mixed'), // OpenAI, Anthropic and those who copy them
  ...all('sk_live_ sk_test_ rk_live_ rk_test_', 20, 'letters'), // Stripe
  form('whsec_', 32, 'base64'), // Stripe, Svix: webhooks
  ...all('xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xapp-', 20, 'letters'), // Slack
  form('npm_', 36, 'mixed'),
  form('pypi-', 50, 'letters'),
  form('rubygems_', 48, 'hex'),
  form('hf_', 30, 'letters'), // Hugging Face
  form('glsa_', 32, 'letters'), // Grafana
  ...all('dckr_pat_ dckr_oat_', 20, 'letters'), // Docker Hub
  ...all('dop_v1_ doo_v1_ dor_v1_', 64, 'hex'), // DigitalOcean
  ...all('shpat_ shpss_ shppa_ shpca_', 32, 'hex'), // Shopify
  // Their dot would be met in every sentence.
  form('hvs.', 24, 'letters', 1), // HashiCorp Vault
  form('hvb.', 24, 'letters', 1),
  form('hvr.', 24, 'letters', 1),
  ...['dp.pt.', 'dp.st.', 'dp.ct.', 'dp.sa.', 'dp.scim.', 'dp.audit.'].map((prefix) =>
    form(prefix, 36, 'letters', 1),
  ), // Doppler
  form('SG.', 22, 'letters', 1), // SendGrid
  form('GOCSPX-', 24, 'letters'), // Google OAuth client secret
  form('AIza', 35, 'letters', 2), // Google API key; its z is rarer than its a
  form('ya29.', 30, 'letters'), // Google OAuth access token
  form('AccountKey=', 86, 'base64', 7), // Azure Storage, in a connection string
  form('SharedAccessKey=', 43, 'base64', 12), // Azure Service Bus, Event Hubs, IoT Hub
  form('ATATT3', 60, 'letters', 4), // Atlassian
  form('dapi', 32, 'hex', 2), // Databricks
  form('pul-', 40, 'hex'), // Pulumi
  ...all('sntryu_', 64, 'hex'), // Sentry
  ...all('sq0atp- sq0csp-', 22, 'letters'), // Square
  ...all('pscale_tkn_ pscale_pw_ pscale_oauth_', 32, 'letters'), // PlanetScale
  form('lin_api_', 40, 'letters'), // Linear
  form('ntn_', 40, 'mixed'), // Notion
  form('figd_', 40, 'letters'), // Figma
  form('sbp_', 40, 'hex'), // Supabase
  form('sgp_', 40, 'hex'), // Sourcegraph
  form('bkua_', 40, 'hex'), // Buildkite
  form('nfp_', 36, 'letters'), // Netlify
  form('tskey-', 24, 'letters'), // Tailscale
  form('PMAK-', 59, 'hex'), // Postman
  form('CFPAT-', 43, 'letters'), // Contentful
  form('gsk_', 48, 'letters'), // Groq
  form('xai-', 70, 'letters'),
  form('pplx-', 40, 'letters'), // Perplexity
  form('r8_', 37, 'letters'), // Replicate
];
