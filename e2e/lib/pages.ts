import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, expect } from "vitest";
import { Caller, mail, type App } from "./caller.ts";
import { house } from "./flows.ts";
import { Device } from "./device.ts";
import { password, type Person } from "./people.ts";
import { png } from "./picture.ts";
import type { Server } from "./server.ts";
import { upstream, type Upstream } from "./upstream.ts";

let community: Upstream;

// houses are where the pages are looked at: one for nearly all of them, and one in which
// people register with an address alone.
export function houses() {
  const ours = house(async (url) => {
    community = await upstream(url + "/auth/social/community/callback");
    return `[service]
name = "Bulletin"
help = "mailto:help@example.com"
terms = "https://example.com/terms"
default_roles = ["member"]

[roles]
member = ["post:read", "post:write"]
treasurer = ["money:spend"]

[factors]
required = ["treasurer"]

[[provider]]
id = "community"
name = "Community ID"
issuer = "${community.url}"
client_id = "the-client"
client_secret = "between the two of us"
private_network = true

[[provider]]
id = "corp"
name = "Example Corp"
issuer = "http://127.0.0.1:9"
client_id = "sights"
client_secret = "nobody is there"
private_network = true
`;
  });
  afterAll(() => community?.stop());
  return { ours, byAddress: house(`[service]
name = "Bulletin"
registration = "email"
`) };
}

export type House = keyof ReturnType<typeof houses>;

// view is how all pages are looked at. The provider may be asked on the way to one.
export const view = () => ({ hosts: [new URL(community.url).host] });

// An Actor is who looks at pages, and what a page of theirs needs.
export interface Actor { person: Person; caller: Caller; app?: App; codes?: string[]; invited?: string }

// A Sight is a page to look at, and how one gets there: in a browser that knows nobody
// but the actor, if there is one.
export interface Sight {
  name: string; // of its picture, too
  in?: House; // default: ours
  as?: (server: Server, page: Page) => Promise<Actor>; // default: nobody
  open(page: Page, server: Server, actor: Actor): Promise<unknown>;
  main?: boolean; // looked at in every colour, language and direction each time
  wide?: boolean; // a page of the account
}

// once makes one actor for all sights on a server.
function once(make: (server: Server, page: Page) => Promise<Actor>) {
  const made = new WeakMap<Server, Promise<Actor>>();
  return (server: Server, page: Page) => {
    if (!made.has(server)) made.set(server, make(server, page));
    return made.get(server)!;
  };
}

const names = new Map<string, number>();
const named = (name: string): Person => {
  const nth = (names.get(name) ?? 0) + 1, unique = nth > 1 ? `${name}-${nth}` : name;
  names.set(name, nth);
  return { name: unique, password, email: `${unique}@example.com` };
};

// ann has an account with everything in it; bob has just registered.
const ann = once(async (server, page) => {
  const person = named("ann"), caller = await Caller.register(server, person);
  await caller.ask("/auth/profile", { display_name: "Ann Onymous", locale: "en" });
  const { app, codes } = await caller.app();
  await caller.codesByMail(person.email!);
  await caller.lend(page);
  const device = await Device.plugIn(page);
  await page.goto("/auth/passkeys");
  await page.getByRole("button", { name: "Create a passkey" }).click();
  await page.waitForURL("**/auth/passkeys?done=*");
  await device.unplug();
  for (const { name, value, path } of await page.context().cookies()) caller.cookies.set(name, { value, path });
  await caller.ask("/auth/api-keys", { name: "Backup of the web shop", scopes: ["post:read"], expires_at: new Date(Date.now() + 90 * 86_400_000).toISOString() });
  await caller.ask("/auth/api-keys", { name: "Statistics", scopes: ["post:*"] });
  return { person, caller, app, codes };
});

const bob = once(async (server) => {
  const person = named("bob"), caller = await Caller.register(server, person);
  for (const agent of [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
  ]) await Caller.signIn(server, person, agent);
  return { person, caller };
});

// logo is a picture of a printer, in a file.
function logo(): string {
  const side = 64, pixels = Buffer.alloc(side * side);
  const fill = (x: number, y: number, width: number, height: number, color: number) => {
    for (let row = y; row < y + height; row++) pixels.fill(color, row * side + x, row * side + x + width);
  };
  fill(18, 6, 28, 20, 1);
  fill(8, 22, 48, 24, 2);
  fill(18, 38, 28, 20, 3);
  const file = join(mkdtempSync(join(tmpdir(), "logo-")), "logo.png");
  writeFileSync(file, png(side, side, [0xffffff, 0xb7c4cc, 0x0d5c75, 0xe5b84b], pixels));
  return file;
}

// printer is a client that asks people for something, and a device of it that waits.
const registered = new WeakSet<Server>();
function printer(server: Server) {
  if (registered.has(server)) return;
  registered.add(server);
  server.run(["resource", "set", server.url, "--name", "Bulletin", "--scope", "post:read=to read your posts"]);
  server.run(["resource", "set", "https://albums.example", "--name", "Albums", "--scope", "photo:print=to print photos out of your albums"]);
  server.run(["client", "add", "Photo printer", "--id", "printer", "--public", "--redirect", "https://printer.example/callback",
    ...["openid", "profile", "email", "offline_access", "post:read", "photo:print"].flatMap((scope) => ["--scope", scope]),
    "--resource", "https://albums.example", "--logo", logo(),
    ...["code", "refresh", "device"].flatMap((grant) => ["--grant", grant])]);
}

// wish is where the client sends people.
const wish = (scope: string, ...resources: string[]) => "/auth/oauth/authorize?" + new URLSearchParams([...resources.map((r) => ["resource", r]), ...Object.entries({
  client_id: "printer", redirect_uri: "https://printer.example/callback", response_type: "code", scope,
  code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", code_challenge_method: "S256",
})]);

const asked = (scope: string, ...resources: string[]) => async (page: Page, server: Server) => {
  printer(server);
  await page.goto(wish(scope, ...resources.map((r) => r || server.url)));
};

async function waiting(server: Server): Promise<string> {
  printer(server);
  const answer = await fetch(server.url + "/auth/oauth/device_authorization", {
    method: "POST", body: new URLSearchParams({ client_id: "printer", scope: "openid post:read" }), headers: { "User-Agent": "PhotoPrinter/2.1" },
  });
  return (await answer.json() as { user_code: string }).user_code;
}

// allowed is somebody who has let the client do something.
const allowed = once(async (server) => {
  printer(server);
  const actor = await fresh(server);
  await actor.caller.ask("/auth/oauth/consent", { request: wish("openid profile photo:print", "https://albums.example").split("?")[1]!, decision: "allow" });
  return actor;
});

// fresh is somebody whom no other sight has touched.
const fresh = async (server: Server): Promise<Actor> => {
  const person = named("carol");
  return { person, caller: await Caller.register(server, person) };
};

// unproved is somebody who has not opened the mail to their address.
const unproved = once(async (server) => {
  const person = named("erin"), caller = new Caller(server);
  await caller.ask("/auth/register", { username: person.name, email: person.email, password: person.password, mode: "cookie" });
  return { person, caller };
});

// root is the administrator.
const roots = new WeakMap<Server, Promise<Caller>>();
function root(server: Server): Promise<Caller> {
  const make = async () => {
    const caller = new Caller(server);
    await caller.ask(new URL(server.setUp).pathname, { username: "root", password });
    return caller;
  };
  if (!roots.has(server)) roots.set(server, make());
  return roots.get(server)!;
}

// member belongs to one organization, and is invited to another by the administrator.
const member = once(async (server) => {
  const person = named("mia"), caller = await Caller.register(server, person), admin = await root(server);
  const invite = async (slug: string, name: string) => {
    const org = await admin.ask("/auth/admin/api/organizations", { slug, name });
    const { link } = await admin.ask(`/auth/admin/api/organizations/${org.id}/invitations`, { email: person.email });
    return new URL(link).pathname;
  };
  await caller.ask(await invite("choir", "Village choir"), {});
  return { person, caller, invited: await invite("garden", "Community garden") };
});

// treasurer has a role that needs a second factor, and has none.
const treasurer = once(async (server) => {
  const actor = await fresh(server), admin = await root(server);
  const { user } = await actor.caller.ask("/auth/me");
  await admin.ask(`/auth/admin/api/users/${user.id}/roles/treasurer`, undefined, "PUT");
  return actor;
});

// guarded is somebody with an authenticator app, whom no other sight has touched.
const guarded = async (server: Server): Promise<Actor> => {
  const actor = await fresh(server);
  return { ...actor, ...(await actor.caller.app()) };
};

// at is a page that can be opened by its address.
const at = (path: string) => (page: Page) => page.goto(path);

const submit = (page: Page) => page.locator("main form button[type=submit]").first().click();
const fill = (page: Page, name: string, value: string) => page.locator(`main [name=${name}]:visible`).fill(value);

// sent fills in the form of a page and sends it.
const sent = (path: string, fields: Record<string, string>, then?: string) => async (page: Page) => {
  await page.goto(path);
  for (const [name, value] of Object.entries(fields)) await fill(page, name, value);
  await submit(page);
  if (then) await page.waitForURL(then);
  else await page.getByRole("alert").waitFor();
};

// second is a page of the second step of somebody's sign-in.
const second = (method: string, then?: (page: Page) => Promise<unknown>) => async (page: Page, _: Server, { person }: Actor) => {
  await page.context().clearCookies();
  await sent("/auth/login", { identifier: person.name, password: person.password }, "**/auth/mfa")(page);
  await page.goto(`/auth/mfa?method=${method}`);
  await then?.(page);
};

// linked opens the link of a mail.
const linked = async (page: Page, server: Server, to: string, kind?: string) => page.goto((await mail(server, to, kind)).link);

// Every page. A line each.
export const sights: Sight[] = [
  { name: "set-up", open: (page, server) => page.goto(server.setUp) }, // before there is an administrator
  { name: "sign-in", open: at("/auth/login"), main: true },
  { name: "sign-in-failed", open: sent("/auth/login", { identifier: "ann", password: "wrong" }) },
  { name: "sign-in-too-often", open: async (page, server) => {
    const nobody = named("grace").name;
    for (let i = 0; i < 6; i++) await new Caller(server).try("/auth/login", { identifier: nobody, password: "wrong" });
    await sent("/auth/login", { identifier: nobody, password: "wrong" })(page);
  } },
  { name: "signed-out", open: at("/auth/login?signed_out=1") },
  { name: "register", open: at("/auth/register") },
  { name: "register-refused", open: sent("/auth/register", { username: "dave", email: "dave@example.com", password: "password password" }) },
  { name: "register-by-address", in: "byAddress", open: at("/auth/register") },
  { name: "verify-sent", in: "byAddress", open: sent("/auth/register", { email: "eve@example.com", password }, "**/email/verify?sent=1") },
  { name: "verify-new", in: "byAddress", open: async (page, server) => { // by the link, in another browser
    await new Caller(server).ask("/auth/register", { email: "finn@example.com", password });
    await linked(page, server, "finn@example.com");
  } },
  { name: "verify", as: bob, open: at("/auth/email/verify") },
  { name: "verify-failed", as: bob, open: sent("/auth/email/verify", { code: "ABCD-EFGH" }) },
  { name: "verify-signed-out", open: at("/auth/email/verify") },
  { name: "verify-link", as: fresh, open: async (page, server, { person, caller }) => {
    await caller.ask("/auth/email/change", { email: "new-" + person.email });
    await linked(page, server, "new-" + person.email);
  } },
  { name: "undo", as: fresh, open: async (page, server, { person, caller }) => {
    await caller.ask("/auth/email/change", { email: "new-" + person.email });
    await caller.ask("/auth/email/verify", { code: (await mail(server, "new-" + person.email)).code });
    await linked(page, server, person.email!, "email_changed");
  } },
  { name: "forgot", open: at("/auth/password/forgot") },
  { name: "reset-sent", open: sent("/auth/password/forgot", { identifier: "ann@example.com" }, "**/password/reset?sent=1") },
  { name: "reset", open: async (page, server) => {
    const { person } = await fresh(server);
    await new Caller(server).ask("/auth/password/forgot", { identifier: person.email });
    await linked(page, server, person.email!, "reset");
  } },
  { name: "reset-failed", open: async (page) => {
    await sent("/auth/password/forgot", { identifier: "gus@example.com" }, "**/password/reset?sent=1")(page);
    await fill(page, "code", "ABCD-EFGH");
    await fill(page, "new_password", password);
    await submit(page);
    await page.getByRole("alert").waitFor();
  } },
  { name: "link", open: at("/auth/link") },
  { name: "link-sent", open: sent("/auth/link", { identifier: "ann@example.com" }, "**/link/redeem?sent=1") },
  { name: "link-redeem", open: async (page, server) => {
    const { person } = await fresh(server);
    await new Caller(server).ask("/auth/link", { identifier: person.email });
    await linked(page, server, person.email!, "link");
  } },
  { name: "second-factor", as: ann, open: second("totp"), main: true },
  { name: "second-factor-needed", as: treasurer, open: async (page, _, { person }) => {
    await page.context().clearCookies();
    await sent("/auth/login", { identifier: person.name, password: person.password }, "**/auth/mfa")(page);
  } },
  { name: "second-factor-failed", as: ann, open: second("totp", async (page) => {
    await fill(page, "code", "000000");
    await submit(page);
    await page.getByRole("alert").waitFor();
  }) },
  { name: "second-factor-passkey", as: ann, open: second("passkey") },
  { name: "second-factor-recovery", as: ann, open: second("recovery") },
  { name: "second-factor-email", as: ann, open: second("email") },
  { name: "second-factor-email-sent", as: ann, open: second("email", async (page) => {
    await submit(page);
    await page.waitForURL("**/mfa?*sent=*");
  }) },
  { name: "step-up-password", as: bob, open: at("/auth/step-up?return_to=%2Fauth%2Fapi-keys%2Fnew") },
  { name: "step-up", as: ann, open: at("/auth/step-up?method=totp&return_to=%2Fauth%2Fapi-keys%2Fnew") },
  { name: "account", as: ann, open: at("/auth/"), main: true, wide: true },
  { name: "profile", as: ann, open: at("/auth/profile"), wide: true },
  { name: "email", as: ann, open: at("/auth/email"), wide: true },
  { name: "email-unproved", as: unproved, open: at("/auth/email"), wide: true },
  { name: "email-new", as: ann, open: at("/auth/email/new"), wide: true },
  { name: "email-refused", as: ann, open: sent("/auth/email/new", { email: ".ann@example.com" }), wide: true },
  { name: "password", as: ann, open: at("/auth/password"), wide: true },
  { name: "password-refused", as: bob, open: sent("/auth/password", { current_password: "wrong", new_password: "four other unrelated words" }), wide: true },
  { name: "passkeys", as: ann, open: at("/auth/passkeys"), wide: true },
  { name: "passkeys-none", as: bob, open: at("/auth/passkeys"), wide: true },
  { name: "factors", as: ann, open: at("/auth/factors"), wide: true },
  { name: "factors-none", as: bob, open: at("/auth/factors"), wide: true },
  { name: "passkey-new", as: bob, open: at("/auth/passkeys/new") },
  { name: "totp-begin", as: bob, open: at("/auth/totp") },
  { name: "totp", as: bob, open: async (page) => { await page.goto("/auth/totp"); await submit(page); await page.locator("img.qr").waitFor(); } },
  { name: "totp-failed", as: bob, open: async (page) => {
    await page.goto("/auth/totp");
    await submit(page);
    await fill(page, "code", "000000");
    await submit(page);
    await page.getByRole("alert").waitFor();
  } },
  { name: "recovery-codes", as: guarded, open: async (page) => {
    await page.goto("/auth/factors");
    await page.locator("form[action$='/recovery-codes'] button").click();
    await page.locator("ul.codes").waitFor();
  } },
  { name: "email-codes", as: bob, open: at("/auth/otp/email") },
  { name: "email-codes-sent", as: bob, open: async (page) => { await page.goto("/auth/otp/email"); await submit(page); await page.locator("[name=code]").waitFor(); } },
  { name: "sms-codes", as: bob, open: at("/auth/otp/sms") },
  { name: "sms-codes-refused", as: bob, open: sent("/auth/otp/sms", { phone: "030 123456" }) },
  { name: "sessions", as: bob, open: at("/auth/sessions"), wide: true },
  { name: "devices", as: bob, open: at("/auth/devices"), wide: true },
  { name: "identities", as: bob, open: at("/auth/identities"), wide: true },
  { name: "consent", as: bob, open: asked("openid profile email offline_access post:read") },
  { name: "consent-more", as: allowed, open: asked("openid profile post:read") },
  { name: "consent-service", as: bob, open: asked("openid profile post:read photo:print", "", "https://albums.example") },
  { name: "consent-refused", as: bob, open: async (page, server) => {
    printer(server);
    await page.goto("/auth/oauth/authorize?client_id=printer&redirect_uri=https://elsewhere.example");
  } },
  { name: "device-code", as: bob, open: at("/auth/device") },
  { name: "device-code-wrong", as: fresh, open: sent("/auth/device", { user_code: "ABCD-EFGH" }) },
  { name: "device-confirm", as: bob, open: async (page, server) => {
    await page.goto("/auth/device?user_code=" + await waiting(server));
    await submit(page);
    await page.locator("button[value=allow]").waitFor();
  } },
  { name: "device-connected", as: bob, open: at("/auth/device?done=allow") },
  { name: "client-sign-out", as: bob, open: async (page, server) => { printer(server); await page.goto("/auth/oauth/logout?client_id=printer"); } },
  { name: "applications", as: allowed, open: at("/auth/applications"), wide: true },
  { name: "applications-none", as: bob, open: at("/auth/applications"), wide: true },
  { name: "api-keys", as: ann, open: at("/auth/api-keys"), wide: true },
  { name: "api-keys-none", as: bob, open: at("/auth/api-keys"), wide: true },
  { name: "api-key-new", as: ann, open: at("/auth/api-keys/new"), wide: true },
  { name: "api-key-made", as: bob, open: sent("/auth/api-keys/new", { name: "Backup", scopes: "post:read" }, "**/auth/api-keys"), wide: true },
  { name: "activity", as: ann, open: at("/auth/activity"), wide: true },
  { name: "organizations-none", as: bob, open: at("/auth/organizations"), wide: true },
  { name: "organizations", as: member, open: at("/auth/organizations"), wide: true },
  { name: "invitation", as: member, open: async (page, server, { invited }) => page.goto(invited!) },
  { name: "data", as: ann, open: at("/auth/data"), wide: true },
  { name: "leave", as: ann, open: at("/auth/leave"), wide: true },
  { name: "left", open: at("/auth/login?done=left") },
  { name: "sign-out", as: ann, open: at("/auth/logout") },
  { name: "not-found", open: at("/auth/nowhere") },
  { name: "forbidden", as: bob, open: at("/auth/admin/api/users") },
  { name: "newcomer", open: async (page, server) => {
    const { person } = await fresh(server); // the name is taken
    await community.become({ sub: person.name, preferred_username: person.name, email: "nina@example.com", email_verified: true });
    await page.goto("/auth/social/community");
    await page.locator("[name=username]").waitFor();
  } },
  { name: "depart", as: bob, open: async (page) => {
    await page.context().route(community.url + "/**", (route) => route.fulfill({ status: 204 }));
    await page.goto("/auth/identities");
    await page.locator("form[action$='/social/community/link'] button").click();
    await page.locator("a[rel=noreferrer]").waitFor();
  } },
  { name: "provider-down", open: at("/auth/social/corp") },
  { name: "messages", open: at("/auth/dev/mail?to=ann@example.com") },
];

// approach goes to a page, as whoever looks at it.
export async function approach(sight: Sight, page: Page, server: Server, size: { width: number; height: number }) {
  const actor = await sight.as?.(server, page);
  await actor?.caller.lend(page);
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: "light", forcedColors: "none" });
  await sight.open(page, server, actor!);
  if (sight.wide) expect(await page.locator("nav.side").count(), "a page of the account").toBe(1);
}

// speak opens the page again in another language: by cookie, as for a person who has
// chosen it, so that a page that answers a form is the same page.
export async function speak(page: Page, server: Server, language: string) {
  await page.context().addCookies([{ name: "sallyport-locale", value: language, url: server.url + "/auth" }]);
  await page.reload();
  expect(await page.locator("html").getAttribute("lang")).toBe(language);
}
