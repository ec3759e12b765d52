// A real OpenID Connect provider, at which whoever it is told about is signed in:
//
//   node provider.js REDIRECT_URI...
//
// prints "listening on URL", the issuer. PUT /person with JSON claims, sub among them,
// says who signs in next; a provider asks again only when it must, so the test asks for
// prompt=login, or comes without cookies.

import http from 'node:http';
import Provider from 'oidc-provider';

const server = http.createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

let person = { sub: 'ann-1', name: 'Ann Upstream', preferred_username: 'ann', email: 'ann@example.com', email_verified: true };
const people = new Map([[person.sub, person]]);

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'the-client',
    client_secret: 'between the two of us',
    redirect_uris: process.argv.slice(2),
    grant_types: ['authorization_code'],
    response_types: ['code'],
  }],
  cookies: { keys: ['for tests only'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, sub) => people.has(sub) && { accountId: sub, claims: () => people.get(sub) },
});

// interact answers for the person: they sign in, and agree to everything.
async function interact(req, res) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
  if (prompt.name === 'login') {
    return provider.interactionFinished(req, res, { login: { accountId: person.sub } });
  }
  const grant = (grantId && await provider.Grant.find(grantId)) || new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } });
}

async function become(req, res) {
  let body = '';
  for await (const part of req) {
    body += part;
  }
  person = JSON.parse(body);
  people.set(person.sub, person);
  res.writeHead(204).end();
}

const handle = provider.callback();
server.on('request', (req, res) => {
  if (req.method === 'PUT' && req.url === '/person') {
    return become(req, res);
  }
  if (req.url.startsWith('/interaction/')) {
    return interact(req, res).catch((err) => res.writeHead(500).end(String(err)));
  }
  return handle(req, res);
});
console.log(`listening on ${issuer}`);
