import * as client from "openid-client";
import { describe, expect, test } from "vitest";
import { house, me } from "./house.ts";

const at = house();
const callback = "https://app.example/cb";
const insecure = { execute: [client.allowInsecureRequests] }; // the server is on loopback, without TLS

// configured is how openid-client sees a client that is registered as told, with the
// signatures of ID tokens checked.
async function configured(registration: object, auth?: (secret: string) => client.ClientAuth) {
  const c = await at().register({ name: "Judge", redirect_uris: [callback], ...registration });
  const config = await client.discovery(new URL(at().issuer), c.client_id, c.client_secret, auth?.(c.client_secret), insecure);
  client.enableNonRepudiationChecks(config);
  return config;
}

// signIn goes through the code flow and returns the tokens.
async function signIn(config: client.Configuration, name: string, parameters: Record<string, string> = {}, options: { push?: boolean; dpop?: client.DPoPHandle } = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState(), nonce = client.randomNonce();
  const asked = {
    redirect_uri: callback, scope: "openid profile", state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...parameters,
  };
  const url = options.push ? await client.buildAuthorizationUrlWithPAR(config, asked, { DPoP: options.dpop }) : client.buildAuthorizationUrl(config, asked);
  const person = await at().person(name);
  const back = await person.allow(url);
  return client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }, undefined, { DPoP: options.dpop });
}

describe("openid-client", () => {
  for (const alg of ["RS256", "ES256", "EdDSA"]) {
    test(`signs in, with ID tokens by ${alg}, refreshes, and calls a guarded route`, async () => {
      const config = await configured({ id_token_signed_response_alg: alg, scopes: ["openid", "profile", "offline_access"] });
      config.clientMetadata();
      const tokens = await signIn(config, `ann-${alg.toLowerCase()}`, { scope: "openid profile offline_access" });
      const claims = tokens.claims()!;
      const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
      expect(info.preferred_username).toBe(`ann-${alg.toLowerCase()}`);
      expect(await me(at().issuer, tokens.access_token)).toMatchObject({ status: 200, subject: claims.sub });

      const fresh = await client.refreshTokenGrant(config, tokens.refresh_token!);
      expect((await me(at().issuer, fresh.access_token)).status).toBe(200);
      await client.tokenRevocation(config, fresh.refresh_token!);
      expect((await me(at().issuer, fresh.access_token)).status).toBe(401); // at once, and the first one too
      expect((await me(at().issuer, tokens.access_token)).status).toBe(401);
      await expect(client.refreshTokenGrant(config, fresh.refresh_token!)).rejects.toMatchObject({ error: "invalid_grant" });
    });
  }

  test("signs in as a public client", async () => {
    const config = await configured({ token_endpoint_auth_method: "none" }, () => client.None());
    expect((await signIn(config, "pia")).claims()!.sub).toMatch(/^usr_/);
  });

  test("proves itself by a signed assertion, and pushes its request", async () => {
    const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const jwk = { ...await crypto.subtle.exportKey("jwk", keys.publicKey), alg: "ES256", use: "sig", kid: "one" };
    delete (jwk as { key_ops?: string[] }).key_ops;
    const config = await configured({ token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [jwk] }, require_pushed_authorization_requests: true },
      () => client.PrivateKeyJwt({ key: keys.privateKey, kid: "one" }));
    expect((await signIn(config, "pat", {}, { push: true })).claims()!.sub).toMatch(/^usr_/);
  });

  test("binds its tokens to a key", async () => {
    const config = await configured({ dpop_bound_access_tokens: true });
    const dpop = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
    const tokens = await signIn(config, "dora", {}, { dpop });
    expect(tokens.token_type).toBe("dpop");
    const good = await client.fetchProtectedResource(config, tokens.access_token, new URL(at().issuer + "/auth/me"), "GET", null, undefined, { DPoP: dpop });
    expect(good.status).toBe(200);
    expect((await me(at().issuer, tokens.access_token)).status).toBe(401); // as a bearer token
    expect((await client.fetchUserInfo(config, tokens.access_token, tokens.claims()!.sub, { DPoP: dpop })).sub).toBe(tokens.claims()!.sub);
  });

  test("acts for itself", async () => {
    const config = await configured({ grant_types: ["client_credentials"], redirect_uris: [], scopes: ["user:read"], roles: ["admin"] });
    const tokens = await client.clientCredentialsGrant(config, { scope: "user:read" });
    const users = await fetch(at().issuer + "/auth/admin/api/users", { headers: { Authorization: `Bearer ${tokens.access_token}` } });
    expect(users.status).toBe(200);
    const clients = await fetch(at().issuer + "/auth/admin/api/clients", { headers: { Authorization: `Bearer ${tokens.access_token}` } });
    expect(clients.status).toBe(403); // its scope does not reach so far
  });

  test("connects a device", async () => {
    const config = await configured({ token_endpoint_auth_method: "none", grant_types: ["urn:ietf:params:oauth:grant-type:device_code"], redirect_uris: [] }, () => client.None());
    const waiting = await client.initiateDeviceAuthorization(config, { scope: "openid" });
    const person = await at().person("dev");
    expect((await person.go(waiting.verification_uri)).status).toBe(200);
    expect((await person.go(at().issuer + "/auth/device", { user_code: waiting.user_code, decision: "allow" })).status).toBe(303);
    const tokens = await client.pollDeviceAuthorizationGrant(config, waiting);
    expect((await me(at().issuer, tokens.access_token)).status).toBe(200);
  });

  test("registers itself, and reads and ends its registration", async () => {
    const config = await client.dynamicClientRegistration(new URL(at().issuer), { client_name: "Judge", redirect_uris: [callback], scope: "openid profile" },
      undefined, { ...insecure, initialAccessToken: at().initialToken() });
    client.enableNonRepudiationChecks(config);
    expect((await signIn(config, "reg")).claims()!.sub).toMatch(/^usr_/);
    const own = config.clientMetadata() as unknown as { registration_client_uri: string; registration_access_token: string; client_id: string };
    const ask = (method: string) => fetch(own.registration_client_uri, { method, headers: { Authorization: `Bearer ${own.registration_access_token}` } });
    expect(await (await ask("GET")).json()).toMatchObject({ client_id: own.client_id, client_name: "Judge", redirect_uris: [callback] });
    expect((await ask("DELETE")).status).toBe(204);
    expect((await ask("GET")).status).toBe(401);
  });

  test("signs out", async () => {
    const config = await configured({ post_logout_redirect_uris: ["https://app.example/bye"] });
    const person = await at().person("lee");
    const verifier = client.randomPKCECodeVerifier();
    const back = await person.allow(client.buildAuthorizationUrl(config, {
      redirect_uri: callback, scope: "openid", code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
    }));
    const tokens = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier });
    const out = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token!, post_logout_redirect_uri: "https://app.example/bye", state: "s" });
    const left = await person.go(out.toString());
    expect(left.location).toBe("https://app.example/bye?state=s");
    expect((await me(at().issuer, tokens.access_token)).status).toBe(401);
  });

  test("is told what it did wrong", async () => {
    const config = await configured({});
    const person = await at().person("ned");
    const back = await person.allow(client.buildAuthorizationUrl(config, { redirect_uri: callback, scope: "openid", state: "s" }));
    await expect(client.authorizationCodeGrant(config, back, { expectedState: "s" })).rejects.toMatchObject({ error: "invalid_request" }); // no PKCE
  });
});
