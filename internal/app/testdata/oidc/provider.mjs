// An identity provider for the tests: the certified oidc-provider of npm with a few settings, started by oidc_test.go as
//   node provider.mjs MODULE REDIRECT
// MODULE is the file of oidc-provider, REDIRECT where the approval page takes people back. It prints its issuer and serves until
// its standard input ends. Anybody can sign in under any name, with any password.
import http from 'node:http';
import { pathToFileURL } from 'node:url';

const [module, redirect] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(module).href);

// Who is in which group: anna and bob may come in, eve is known and may not.
const groups = { anna: ['database-team', 'everybody'], bob: ['database-team'], eve: ['everybody'], both: ['database-team', 'other-team'] };

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const assistant = {
    token_endpoint_auth_method: 'none', application_type: 'native',
    redirect_uris: ['http://127.0.0.1/callback'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
  };
  const provider = new Provider(issuer, {
    clients: [
      { client_id: 'assistant', ...assistant },
      { client_id: 'hasty', ...assistant }, // whose tokens last three seconds
      {
        client_id: 'approvals', client_secret: 'secret-of-the-page', redirect_uris: [redirect],
        grant_types: ['authorization_code'], response_types: ['code'],
      },
    ],
    cookies: { keys: ['only for tests'] },
    claims: { openid: ['sub', 'groups'] },
    conformIdTokenClaims: false,
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, groups: groups[sub] ?? [] }) }),
    extraTokenClaims: (_, token) => ({ groups: groups[token.accountId] ?? [] }),
    features: {
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource, client) => ({
          scope: 'aura:read aura:write aura:destroy', audience: resource, accessTokenFormat: 'jwt',
          accessTokenTTL: client.clientId === 'hasty' ? 3 : 600, jwt: { sign: { alg: 'RS256' } },
        }),
        useGrantedResource: () => true,
      },
    },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
