// A certified OpenID provider that answers at Webex's paths. It replaces a refresh token at each use, and revokes the
// grant when an old one comes back. PKCE and the client secret are required.
//
// Usage: node server.mjs CLIENT_ID CLIENT_SECRET REDIRECT_URI
//
// It prints its origin when it listens. GET /journal counts what happened to refresh tokens and grants.

import { createServer } from 'node:http';

import Provider from 'oidc-provider';

const DAY = 86400;
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

const [clientId, clientSecret, redirectUri] = process.argv.slice(2);
const person = { id: 'ada', emails: ['ada@example.com'], displayName: 'Ada Lovelace', orgId: 'org', type: 'person' };
const journal = { rotated: 0, reused: 0, revoked: 0 };

const configuration = {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [redirectUri],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token', DEVICE_GRANT],
      token_endpoint_auth_method: 'client_secret_post',
    },
  ],
  scopes: ['spark:all', 'spark:kms'],
  pkce: { required: () => true },
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  features: { devInteractions: { enabled: false }, deviceFlow: { enabled: true, charset: 'digits', mask: '******' } },
  routes: {
    authorization: '/v1/authorize',
    token: '/v1/access_token',
    device_authorization: '/v1/device/authorize',
    code_verification: '/verify',
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  cookies: { keys: ['signs the cookies of one test run'] },
  ttl: { AccessToken: 14 * DAY, RefreshToken: 90 * DAY, Grant: 90 * DAY, Session: DAY, Interaction: 300, DeviceCode: 300 },
};

/** Sign the person in, or consent for them, whichever the provider asks for. */
async function interact(provider, request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: person.id } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

function sendJson(response, status, document) {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(document));
}

async function whoIsThis(provider, request, response) {
  const token = await provider.AccessToken.find((request.headers.authorization ?? '').replace(/^Bearer /, ''));
  if (token?.accountId === person.id) return sendJson(response, 200, person);
  return sendJson(response, 401, { message: 'The access token is unknown.' });
}

/** Make the differences between Webex and the standards disappear from a request. */
function standardize(request) {
  // Webex has a token endpoint of its own for devices.
  if (request.url === '/v1/device/token') request.url = '/v1/access_token';
  // A confidential client authenticates when it asks for a device code (RFC 8628 section 3.1); at Webex it does not.
  if (request.url === '/v1/device/authorize') {
    request.headers.authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
  }
}

function serve(provider) {
  provider.on('refresh_token.consumed', () => { journal.rotated += 1; });
  provider.on('grant.revoked', () => { journal.revoked += 1; });
  provider.on('grant.error', (_, error) => {
    if (error.error_detail === 'refresh token already used') journal.reused += 1;
  });
  provider.use(async (context, next) => {
    await next();
    // Devices poll every five seconds unless they are told otherwise, which a test would have to wait for.
    if (context.oidc?.route === 'device_authorization' && context.status === 200) context.body.interval = 1;
  });
  const answer = provider.callback();
  return (request, response) => {
    if (request.url === '/journal') return sendJson(response, 200, journal);
    if (request.url === '/v1/people/me') return whoIsThis(provider, request, response);
    if (request.url.startsWith('/interaction/')) return interact(provider, request, response);
    standardize(request);
    return answer(request, response);
  };
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  server.on('request', serve(new Provider(origin, configuration)));
  console.log(origin);
});
