import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { Caller, mail } from "../lib/caller.ts";
import { flow, house } from "../lib/flows.ts";
import { signIn, signOut, somebody, type Person } from "../lib/people.ts";
import type { Page } from "playwright-core";

const { visit, server } = house('[service]\ndefault_roles = ["member"]\n\n[roles]\nmember = ["post:read"]\n');

// arrive is somebody who has just registered, in this browser.
async function arrive(page: Page): Promise<{ ann: Person; caller: Caller }> {
  const ann = somebody(true), caller = await Caller.register(server(), ann);
  await caller.lend(page);
  return { ann, caller };
}

flow("every page of the account is a step from the overview, and says which it is", visit, async ({ page }) => {
  await arrive(page);
  await page.goto("/auth/");
  const tiles = await page.locator("a.tile").evaluateAll((all) => all.map((a) => (a as HTMLAnchorElement).pathname));
  expect(tiles.length).toBeGreaterThanOrEqual(11);
  for (const path of tiles) {
    await page.goto(path);
    const current = page.locator("nav.side [aria-current=page]");
    expect(new URL((await current.getAttribute("href"))!, page.url()).pathname).toBe(path);
    expect(await page.getByRole("heading", { level: 1 }).textContent(), path).toBe(await current.textContent());
    expect(await page.title()).toContain((await current.textContent())!);
  }
});

flow("the profile: a name, and a language of one's own", visit, async ({ page }) => {
  await arrive(page);
  await page.goto("/auth/profile");
  await page.getByLabel("Name").fill("Ann Onymous");
  await page.locator("main").getByLabel("Language").selectOption("de");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Ihr Profil ist gespeichert.").waitFor();
  await page.goto("/auth/");
  await page.getByRole("heading", { name: "Guten Tag, Ann Onymous" }).waitFor();
});

flow("the address is changed from the new mailbox, and taken back from the old", visit, async ({ page }) => {
  const { ann, caller } = await arrive(page);
  const changed = "new-" + ann.email;
  await page.goto("/auth/email");
  await page.getByRole("link", { name: "Change the address" }).click();
  await page.getByLabel("New address").fill(changed);
  await page.getByRole("button", { name: "Send the mail" }).click();
  await page.getByText("Check your inbox.").waitFor();
  await page.goto((await mail(server(), changed)).link);
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("Your address is confirmed.").waitFor();
  await page.goto("/auth/email");
  await page.getByText(changed).waitFor();

  await page.context().clearCookies(); // whoever reads the old mailbox is not signed in
  await page.goto((await mail(server(), ann.email!, "email_changed")).link);
  await page.getByRole("button", { name: "Take it back" }).click();
  await page.getByText("Your account has its address back.").waitFor();
  expect((await caller.try("/auth/me")).status).toBe(401);
  await page.goto((await mail(server(), ann.email!, "reset")).link);
  await page.getByRole("heading", { name: "Set a new password" }).waitFor();
});

flow("the password is changed, and other sessions end", visit, async ({ page }) => {
  const { ann } = await arrive(page), other = await Caller.signIn(server(), ann);
  await page.goto("/auth/password");
  await page.getByLabel("Current password").fill("wrong");
  await page.getByLabel("New password").fill("seven geese over the fjord");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByRole("alert").getByText("The password is wrong.").waitFor();
  expect(await page.getByLabel("Current password").getAttribute("aria-invalid")).toBe("true");
  await page.getByLabel("Current password").fill(ann.password);
  await page.getByLabel("New password").fill("seven geese over the fjord");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("Your password is changed.").waitFor();
  expect((await other.try("/auth/me")).status).toBe(401);
  await signOut(page);
  await signIn(page, { ...ann, password: "seven geese over the fjord" });
  await page.waitForURL("**/auth/");
});

flow("a session is ended, and then all others", visit, async ({ page }) => {
  const { ann } = await arrive(page);
  const phone = await Caller.signIn(server(), ann, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1");
  const [second, third] = [await Caller.signIn(server(), ann), await Caller.signIn(server(), ann)];
  await page.goto("/auth/sessions");
  expect(await page.getByText("This device").count()).toBe(1);
  await page.getByRole("button", { name: "End the session of Safari on iPhone" }).click();
  await page.getByText("The session has ended.").waitFor();
  expect((await phone.try("/auth/me")).status).toBe(401);
  expect((await second.try("/auth/me")).status).toBe(200);
  await page.getByRole("button", { name: "End all other sessions" }).click();
  await page.getByText("All other sessions have ended.").waitFor();
  for (const one of [second, third]) expect((await one.try("/auth/me")).status).toBe(401);
  expect(await page.getByRole("button", { name: "End all other sessions" }).count()).toBe(0);
});

flow("an API key is made, shown once, used and revoked", visit, async ({ page }) => {
  await arrive(page);
  await page.goto("/auth/api-keys");
  await page.getByText("You have no API keys yet.").waitFor();
  await page.getByRole("link", { name: "Make an API key" }).click();
  await page.getByLabel("Name").fill("Backup");
  await page.getByLabel("What it may do").fill("post:read");
  await page.getByRole("button", { name: "Make an API key" }).click();
  await page.getByText("It is shown this once").waitFor();
  const key = await page.locator("code.shown").textContent();
  const works = async () => (await fetch(server().url + "/auth/me", { headers: { Authorization: `Bearer ${key}` } })).status;
  expect(await works()).toBe(200);
  await page.getByRole("link", { name: "I have kept it" }).click();
  expect(await page.content()).not.toContain(key);
  await page.getByRole("button", { name: "Revoke Backup" }).click();
  await page.getByText("The key is revoked").waitFor();
  expect(await works()).toBe(401);
});

flow("the security log says what happened", visit, async ({ page }) => {
  const { ann } = await arrive(page);
  await new Caller(server()).try("/auth/login", { identifier: ann.name, password: "wrong" });
  await page.goto("/auth/activity");
  for (const said of ["Account made", "E-mail confirmed", "failed", "somebody who was not signed in"]) await page.getByText(said).first().waitFor();
});

flow("everything that is kept can be downloaded", visit, async ({ page }) => {
  const { ann } = await arrive(page);
  await page.goto("/auth/data");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download" }).click()]);
  const kept = JSON.parse(readFileSync(await download.path(), "utf8"));
  expect(kept.user.email).toBe(ann.email);
});

flow("an account that is to be deleted stays if its owner comes back", visit, async ({ page }) => {
  const { ann, caller } = await arrive(page);
  await page.goto("/auth/data");
  await page.getByRole("link", { name: "Delete your account" }).click();
  await page.getByRole("link", { name: "Keep it" }).click();
  await page.getByRole("link", { name: "Delete your account" }).click();
  await page.getByRole("button", { name: "Delete your account" }).click();
  await page.getByText("Your account will be deleted in two weeks.").waitFor();
  expect((await caller.try("/auth/me")).status, "signed out everywhere").toBe(401);
  await signIn(page, ann);
  await page.waitForURL("**/auth/");
  await page.goto("/auth/activity");
  await page.getByText("Account kept").waitFor();
});

flow("signing out everywhere", visit, async ({ page }) => {
  const { ann } = await arrive(page), other = await Caller.signIn(server(), ann);
  await page.goto("/auth/logout");
  await page.getByLabel("Also on all other devices").check();
  await page.locator("main").getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You are signed out.").waitFor();
  expect((await other.try("/auth/me")).status).toBe(401);
});

flow("what was posted too late leads to sign-in, and back to the page of the form", visit, async ({ page }) => {
  const { ann } = await arrive(page);
  await page.goto("/auth/profile");
  await page.context().clearCookies();
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL("**/auth/login?return_to=%2Fauth%2Fprofile");
  await page.getByLabel("User name or e-mail").fill(ann.name);
  await page.getByLabel("Password", { exact: true }).fill(ann.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/auth/profile");
});
