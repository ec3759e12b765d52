import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as client from "openid-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { house, me, resource } from "./house.ts";

const at = house();
const callback = "https://app.example/cb";
const insecure = { execute: [client.allowInsecureRequests] }; // the server is on loopback, without TLS
const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const accessToken = "urn:ietf:params:oauth:token-type:access_token";

async function pair(kid: string) {
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", keys.publicKey);
  return { key: keys.privateKey, jwk: { kty, crv, x, y, alg: "ES256", use: "sig", kid } };
}

async function configured(registration: object, auth?: (secret: string) => client.ClientAuth) {
  const c = await at().register({ name: "Judge", ...registration });
  const config = await client.discovery(new URL(at().issuer), c.client_id, c.client_secret, auth?.(c.client_secret), insecure);
  client.enableNonRepudiationChecks(config);
  return config;
}

async function asked(parameters: Record<string, string> = {}) {
  const verifier = client.randomPKCECodeVerifier(), state = client.randomState(), nonce = client.randomNonce();
  return {
    parameters: {
      redirect_uri: callback, scope: "openid profile", state, nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...parameters,
    },
    checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true },
  };
}

describe("openid-client", () => {
  test("signs its request", async () => {
    const { key, jwk } = await pair("one");
    const config = await configured({ redirect_uris: [callback], jwks: { keys: [jwk] }, require_signed_request_object: true });
    const { parameters, checks } = await asked();
    const url = await client.buildAuthorizationUrlWithJAR(config, parameters, { key, kid: "one" });
    const back = await (await at().person("jana")).allow(url);
    expect((await client.authorizationCodeGrant(config, back, checks)).claims()!.sub).toMatch(/^usr_/);

    const plain = await (await at().person("paul")).allow(client.buildAuthorizationUrl(config, parameters));
    await expect(client.authorizationCodeGrant(config, plain, checks)).rejects.toMatchObject({ error: "invalid_request_object" });
  });

  test("signs in by the FAPI 2.0 Security Profile, with a signed request that is pushed", async () => {
    const { key, jwk } = await pair("one");
    const config = await configured(
      { redirect_uris: [callback], token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [jwk] }, profile: "fapi2", require_signed_request_object: true, scopes: ["openid", "profile", "offline_access"] },
      () => client.PrivateKeyJwt({ key, kid: "one" }));
    const dpop = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
    const { parameters, checks } = await asked({ scope: "openid profile offline_access" });
    const signed = await client.buildAuthorizationUrlWithJAR(config, parameters, { key, kid: "one" });
    const url = await client.buildAuthorizationUrlWithPAR(config, signed.searchParams, { DPoP: dpop });
    expect([...url.searchParams.keys()].sort()).toEqual(["client_id", "request_uri"]);
    const back = await (await at().person("fay")).allow(url);
    const tokens = await client.authorizationCodeGrant(config, back, checks, undefined, { DPoP: dpop });
    expect(tokens.token_type).toBe("dpop");
    expect((await me(at().issuer, tokens.access_token)).status).toBe(401); // as a bearer token
    const next = await client.refreshTokenGrant(config, tokens.refresh_token!, undefined, { DPoP: dpop });
    expect(next.refresh_token).toBe(tokens.refresh_token); // which is not rotated
    const good = await client.fetchProtectedResource(config, next.access_token, new URL(at().issuer + "/auth/me"), "GET", null, undefined, { DPoP: dpop });
    expect(good.status).toBe(200);
  });

  test("exchanges a token, and introspects it", async () => {
    const app = await configured({ redirect_uris: [callback], resources: [resource] });
    const { parameters, checks } = await asked({ resource });
    const back = await (await at().person("elsa")).allow(client.buildAuthorizationUrl(app, parameters));
    const tokens = await client.authorizationCodeGrant(app, back, checks, { resource });
    const service = await configured({ grant_types: [exchange], scopes: ["openid"], serves_resources: [resource] });
    expect(await client.tokenIntrospection(service, tokens.access_token)).toMatchObject({ active: true, sub: tokens.claims()!.sub });
    const next = await client.genericGrantRequest(service, exchange, { subject_token: tokens.access_token, subject_token_type: accessToken, resource: at().issuer });
    expect(next.issued_token_type).toBe(accessToken);
    expect(await me(at().issuer, next.access_token)).toMatchObject({ status: 200, subject: tokens.claims()!.sub });
    expect(await client.tokenIntrospection(service, next.access_token)).toMatchObject({ active: true, act: { sub: service.clientMetadata().client_id } });

    const stranger = await configured({ grant_types: [exchange], scopes: ["openid"] });
    expect(await client.tokenIntrospection(stranger, tokens.access_token)).toEqual({ active: false });
    await expect(client.genericGrantRequest(stranger, exchange, { subject_token: tokens.access_token, subject_token_type: accessToken })).rejects.toMatchObject({ error: "invalid_request" });
    await client.tokenRevocation(app, tokens.access_token);
    expect((await me(at().issuer, next.access_token)).status).toBe(401); // with what it came of, at once
  });
});

// A proxy terminates TLS before the server, and hands on what its clients show (RFC 9440).
describe("openid-client with a certificate", () => {
  let folder: string, proxy: https.Server, url = "";
  const behind = house((port) => `[server]\ninsecure_http = true\ntrusted_proxies = ["127.0.0.0/8"]\nclient_certificates = "rfc9440"\nclient_ca = "${join(folder, "ca.pem")}"\ncertificate_url = "https://localhost:${port}"\n`, async () => {
    folder = mkdtempSync(join(tmpdir(), "sallyport-certificates-"));
    const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
    const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    openssl("req", "-x509", ...ec, "-days", "2", "-subj", "/CN=CA", "-keyout", "ca.key", "-out", "ca.pem");
    openssl("req", "-x509", ...ec, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "server.key", "-out", "server.pem");
    for (const name of ["robot", "thief"]) {
      openssl("req", ...ec, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
      writeFileSync(join(folder, "ext"), `subjectAltName=DNS:${name}.example\nextendedKeyUsage=clientAuth\n`);
      openssl("x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-extfile", "ext", "-out", `${name}.pem`);
    }
    proxy = https.createServer({ key: file("server.key"), cert: file("server.pem"), ca: file("ca.pem"), requestCert: true, rejectUnauthorized: false }, (request, answer) => {
      const certificate = (request.socket as import("node:tls").TLSSocket).getPeerCertificate().raw;
      const headers: http.OutgoingHttpHeaders = { ...request.headers };
      delete headers["client-cert"];
      if (certificate) headers["client-cert"] = `:${certificate.toString("base64")}:`;
      request.pipe(http.request(url + request.url, { method: request.method, headers }, (from) => {
        answer.writeHead(from.statusCode!, from.headers);
        from.pipe(answer);
      }));
    });
    await new Promise<void>((resolve) => proxy.listen(0, "localhost", resolve));
    return (proxy.address() as AddressInfo).port;
  });
  const file = (name: string) => readFileSync(join(folder, name), "utf8");
  beforeAll(() => { url = behind().issuer; });
  afterAll(() => {
    proxy?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  // showing is fetch over TLS with a certificate.
  const showing = (name: string): typeof fetch => async (address, options) => {
    const to = new URL(address.toString());
    if (to.protocol === "http:") return fetch(address, options);
    const body = options?.body?.toString();
    return new Promise((resolve, reject) => {
      const request = https.request(to, {
        method: options?.method, headers: options?.headers as http.OutgoingHttpHeaders, ca: file("server.pem"), cert: file(`${name}.pem`), key: file(`${name}.key`), agent: false,
      }, (answer) => {
        const parts: Buffer[] = [];
        answer.on("data", (part) => parts.push(part)).on("end", () => {
          resolve(new Response(answer.statusCode === 204 ? null : Buffer.concat(parts), { status: answer.statusCode, headers: answer.headers as Record<string, string> }));
        });
      });
      request.on("error", reject).end(body);
    });
  };

  test("proves itself, and binds its tokens", async () => {
    const c = await behind().register({
      name: "Robot", grant_types: ["client_credentials"], scopes: ["user:read"], roles: ["admin"],
      token_endpoint_auth_method: "tls_client_auth", tls_client_auth_san_dns: "robot.example", tls_client_certificate_bound_access_tokens: true,
    });
    const as = async (name: string) => {
      const config = await client.discovery(new URL(behind().issuer), c.client_id, { use_mtls_endpoint_aliases: true }, client.TlsClientAuth(), { ...insecure, [client.customFetch]: showing(name) });
      expect(config.serverMetadata().mtls_endpoint_aliases?.token_endpoint).toMatch(/^https:\/\/localhost:/);
      return config;
    };
    const tokens = await client.clientCredentialsGrant(await as("robot"), { scope: "user:read" });
    const elsewhere = new URL((await as("robot")).serverMetadata().mtls_endpoint_aliases!.token_endpoint!).origin;
    const call = async (name: string) => (await showing(name)(elsewhere + "/auth/me", { headers: { authorization: `Bearer ${tokens.access_token}` } })).status;
    expect(await call("robot")).toBe(200);
    expect(await call("thief")).toBe(401);
    expect((await me(behind().issuer, tokens.access_token)).status).toBe(401);
    expect(await call("robot")).toBe(200);
    await expect(client.clientCredentialsGrant(await as("thief"), { scope: "user:read" })).rejects.toMatchObject({ status: 401 });
  });
});
