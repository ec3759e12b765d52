import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Auth } from "@auth/core";
import express from "express";
import { expressjwt } from "express-jwt";
import openidConnect from "express-openid-connect";
import session from "express-session";
import jwks from "jwks-rsa";
import * as oauth from "oauth4webapi";
import { InMemoryWebStorage, OidcClient, WebStorageStateStore } from "oidc-client-ts";
import passport from "passport";
import { Strategy as OAuth2Strategy } from "passport-oauth2";
import OpenIDStrategy from "passport-openidconnect";
import { afterEach, expect, test } from "vitest";
import { house, me, resource } from "./house.ts";

const at = house();
const callback = "https://app.example/cb";

// An app is an Express program on a free port, until its test ends.
const apps: Server[] = [];
afterEach(() => { for (const app of apps.splice(0)) app.close(); });

async function listen(): Promise<{ server: Server; url: string }> {
  const server = createServer();
  apps.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://localhost:${(server.address() as AddressInfo).port}` };
}

test("oauth4webapi", async () => {
  const c = await at().register({ name: "Judge", redirect_uris: [callback], token_endpoint_auth_method: "none" });
  const insecure = { [oauth.allowInsecureRequests]: true };
  const server = new URL(at().issuer); // all that a client knows of a service that refuses it (RFC 9728)
  const service = await oauth.processResourceDiscoveryResponse(server, await oauth.resourceDiscoveryRequest(server, insecure));
  const issuer = new URL(service.authorization_servers![0]!);
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
  const client = { client_id: c.client_id };
  const verifier = oauth.generateRandomCodeVerifier(), nonce = oauth.generateRandomNonce(), state = oauth.generateRandomState();
  const url = new URL(as.authorization_endpoint!);
  url.search = new URLSearchParams({
    client_id: c.client_id, redirect_uri: callback, response_type: "code", scope: "openid email", nonce, state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  }).toString();
  const person = await at().person("olga");
  const parameters = oauth.validateAuthResponse(as, client, await person.allow(url), state);
  const answer = await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), parameters, callback, verifier, insecure);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, { expectedNonce: nonce, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(as, answer, insecure);
  const subject = oauth.getValidatedIdTokenClaims(tokens)!.sub;
  await oauth.processUserInfoResponse(as, client, subject, await oauth.userInfoRequest(as, client, tokens.access_token, insecure));
  expect(await me(at().issuer, tokens.access_token)).toMatchObject({ status: 200, subject });
});

test("oidc-client-ts", async () => {
  const c = await at().register({ name: "Judge", redirect_uris: [callback], token_endpoint_auth_method: "none" });
  const client = new OidcClient({
    authority: at().issuer, client_id: c.client_id, redirect_uri: callback, response_type: "code", scope: "openid profile", loadUserInfo: true,
    stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
  });
  const person = await at().person("ole");
  const request = await client.createSigninRequest({ nonce: "n" });
  const user = await client.processSigninResponse((await person.allow(request.url)).toString());
  expect(user.profile.preferred_username).toBe("ole");
  expect(await me(at().issuer, user.access_token)).toMatchObject({ status: 200, subject: user.profile.sub });
});

test("express-openid-connect", async () => {
  const { server, url } = await listen();
  const c = await at().register({ name: "Judge", redirect_uris: [url + "/callback"], post_logout_redirect_uris: [url] });
  const app = express();
  app.use(openidConnect.auth({
    issuerBaseURL: at().issuer, baseURL: url, clientID: c.client_id, clientSecret: c.client_secret, secret: "a secret of thirty-two characters",
    authorizationParams: { response_type: "code", scope: "openid profile" }, idpLogout: true, authRequired: true,
  }));
  app.get("/", async (request, response) => {
    response.json({ subject: request.oidc.user?.sub, guarded: (await me(at().issuer, request.oidc.accessToken!.access_token)).status });
  });
  server.on("request", app);
  const person = await at().person("eve");
  const seen = await person.follow(url + "/");
  expect(JSON.parse(seen.text)).toMatchObject({ subject: expect.stringMatching(/^usr_/), guarded: 200 });
});

test("express-openid-connect is told that the session has ended", async () => {
  const { server, url } = await listen();
  const c = await at().register({ name: "Judge", redirect_uris: [url + "/callback"], backchannel_logout_uri: url + "/backchannel-logout" });
  const app = express();
  app.use(openidConnect.auth({
    issuerBaseURL: at().issuer, baseURL: url, clientID: c.client_id, clientSecret: c.client_secret, secret: "a secret of thirty-two characters",
    authorizationParams: { response_type: "code", scope: "openid profile" }, authRequired: false,
    backchannelLogout: true, session: { store: new session.MemoryStore() as never },
  }));
  app.get("/", (request, response) => { response.json({ signedIn: request.oidc.isAuthenticated() }); });
  server.on("request", app);
  const [person, other] = [await at().person("una"), await at().person("ute")];
  for (const one of [person, other]) expect(JSON.parse((await one.follow(url + "/login")).text)).toEqual({ signedIn: true });
  expect((await person.go(at().issuer + "/auth/logout", { x: "" })).status).toBe(303);
  await expect.poll(async () => JSON.parse((await person.go(url + "/")).text)).toEqual({ signedIn: false });
  expect(JSON.parse((await other.go(url + "/")).text)).toEqual({ signedIn: true });
});

test("passport-oauth2", async () => {
  const { server, url } = await listen();
  const c = await at().register({ name: "Judge", redirect_uris: [url + "/cb"] });
  const app = express();
  const own = new passport.Passport();
  own.use(new OAuth2Strategy({
    authorizationURL: at().issuer + "/auth/oauth/authorize", tokenURL: at().issuer + "/auth/oauth/token", clientID: c.client_id, clientSecret: c.client_secret,
    callbackURL: url + "/cb", scope: "openid", state: true, pkce: true,
  } as never, (access: string, _refresh: string, _profile: unknown, done: (e: unknown, u?: unknown) => void) => {
    me(at().issuer, access).then((user) => done(null, user), done);
  }));
  app.use(session({ secret: "s", resave: false, saveUninitialized: true }));
  app.get("/", own.authenticate("oauth2", { session: false }));
  app.get("/cb", own.authenticate("oauth2", { session: false }), (request, response) => { response.json(request.user); });
  server.on("request", app);
  const person = await at().person("pete");
  expect(JSON.parse((await person.follow(url + "/")).text)).toMatchObject({ status: 200, subject: expect.stringMatching(/^usr_/) });
});

test("passport-openidconnect", async () => {
  const { server, url } = await listen();
  const c = await at().register({ name: "Judge", redirect_uris: [url + "/cb"], allow_no_pkce: true }); // it knows no PKCE
  const app = express();
  const own = new passport.Passport();
  own.use(new OpenIDStrategy({
    issuer: at().issuer, authorizationURL: at().issuer + "/auth/oauth/authorize", tokenURL: at().issuer + "/auth/oauth/token",
    userInfoURL: at().issuer + "/auth/oauth/userinfo", clientID: c.client_id, clientSecret: c.client_secret, callbackURL: url + "/cb", scope: ["profile"], nonce: true, skipUserProfile: false,
  } as never, (_issuer: string, profile: unknown, done: (e: unknown, u?: unknown) => void) => done(null, profile)));
  app.use(session({ secret: "s", resave: false, saveUninitialized: true }));
  app.get("/", own.authenticate("openidconnect", { session: false }));
  app.get("/cb", own.authenticate("openidconnect", { session: false }), (request, response) => { response.json(request.user); });
  server.on("request", app);
  const person = await at().person("paul");
  expect(JSON.parse((await person.follow(url + "/")).text)).toMatchObject({ id: expect.stringMatching(/^usr_/), username: "paul" });
});

test("express-jwt with jwks-rsa guards an API", async () => {
  const { server, url } = await listen();
  const app = express();
  app.use(expressjwt({
    secret: jwks.expressJwtSecret({ jwksUri: at().issuer + "/.well-known/jwks.json", cache: true }) as never,
    audience: resource, issuer: at().issuer, algorithms: ["RS256"],
  }));
  app.get("/", (request, response) => { response.json((request as { auth?: unknown }).auth); });
  app.use((error: { status?: number }, _request: express.Request, response: express.Response, _next: express.NextFunction) => { response.status(error.status ?? 500).end(); });
  server.on("request", app);
  const c = await at().register({ name: "Judge", redirect_uris: [callback], token_endpoint_auth_method: "none", resources: [resource] });
  const verifier = oauth.generateRandomCodeVerifier();
  const token = async (more: Record<string, string>, name: string) => {
    const person = await at().person(name);
    const back = await person.allow(at().issuer + "/auth/oauth/authorize?" + new URLSearchParams({
      client_id: c.client_id, response_type: "code", scope: "openid", code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...more,
    }));
    const answer = await fetch(at().issuer + "/auth/oauth/token", { method: "POST", body: new URLSearchParams({
      grant_type: "authorization_code", client_id: c.client_id, code: back.searchParams.get("code")!, code_verifier: verifier,
    }) });
    return (await answer.json() as { access_token: string }).access_token;
  };
  const call = (access: string) => fetch(url, { headers: { Authorization: `Bearer ${access}` } });
  const good = await call(await token({ resource }, "rita"));
  expect(good.status).toBe(200);
  expect(await good.json()).toMatchObject({ client_id: c.client_id, scope: "openid" });
  expect((await call(await token({}, "rob"))).status).toBe(401); // for another audience
});

test("@auth/core", async () => {
  const { server, url } = await listen();
  const c = await at().register({ name: "Judge", redirect_uris: [url + "/auth/callback/sallyport"] });
  const config = {
    trustHost: true, secret: "a secret of thirty-two characters", basePath: "/auth",
    providers: [{ id: "sallyport", name: "Sallyport", type: "oidc" as const, issuer: at().issuer, clientId: c.client_id, clientSecret: c.client_secret, checks: ["pkce" as const, "state" as const, "nonce" as const] }],
    callbacks: { jwt: ({ token, account }: { token: Record<string, unknown>; account?: { access_token?: string } | null }) => (account ? { ...token, access: account.access_token } : token),
      session: ({ session, token }: { session: object; token: Record<string, unknown> }) => ({ ...session, access: token.access }) },
  };
  server.on("request", async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const headers = Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [k, String(v)]));
    const answer = await Auth(new Request(url + request.url, { method: request.method, headers, body: request.method === "POST" ? Buffer.concat(chunks) : undefined }), config as never) as Response;
    response.statusCode = answer.status;
    for (const [name, value] of answer.headers) if (name !== "set-cookie") response.setHeader(name, value);
    response.setHeader("set-cookie", answer.headers.getSetCookie());
    response.end(await answer.text());
  });
  const person = await at().person("aute");
  const { csrfToken } = JSON.parse((await person.go(url + "/auth/csrf")).text);
  const begun = await person.go(url + "/auth/signin/sallyport", { csrfToken, callbackUrl: url + "/auth/session" });
  const seen = await person.follow(begun.location!);
  const { access } = JSON.parse(seen.text);
  expect((await me(at().issuer, access)).status).toBe(200);
});
