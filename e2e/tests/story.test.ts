import { expect, test } from "vitest";
import { App, mail } from "../lib/caller.ts";
import { Device } from "../lib/device.ts";
import { house } from "../lib/flows.ts";
import { register, signIn, signOut, somebody } from "../lib/people.ts";

const { visit, server } = house();

test("a person registers, verifies, enrols an app and a passkey, signs in by autofill, recovers with a code, and deletes the account", () => visit({ alone: true }, async ({ page }) => {
  const ann = somebody(true), device = await Device.plugIn(page);
  await register(page, ann);
  await page.waitForURL("**/auth/");

  await page.goto("/auth/dev/mail?to=" + ann.email);
  await page.getByRole("link", { name: "Open the link" }).first().click();
  await page.getByRole("heading", { name: "Confirm your address" }).waitFor();
  expect(page.url(), "no token stays in the address").not.toContain("token");
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("Your address is confirmed.").waitFor();

  await page.goto("/auth/factors");
  await page.getByRole("link", { name: "Set up an authenticator app" }).click();
  await page.getByRole("button", { name: "Show the key for the app" }).click();
  await page.getByText("The code cannot be scanned?").click();
  const app = new App((await page.locator("code.shown").textContent())!);
  await page.getByLabel("Code that the app shows now").fill(app.code());
  await page.getByRole("button", { name: "Turn on" }).click();
  await page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
  const codes = await page.locator("ul.codes code").allTextContents();
  expect(codes.length).toBe(10);
  await page.getByLabel("I saved these codes").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL("**/auth/factors");

  await page.goto("/auth/passkeys");
  await page.getByRole("button", { name: "Create a passkey" }).click();
  await page.getByText("The passkey is created.").waitFor();

  await signOut(page); // the device answers what the page asks for below the field by itself
  await page.waitForURL("**/auth/");

  await device.touched(false);
  await signOut(page);
  await page.getByText("You are signed out.").waitFor();
  await signIn(page, ann);
  await page.getByRole("heading", { name: "One more step" }).waitFor();
  await page.getByRole("link", { name: "Recovery code" }).click();
  await page.getByLabel("Recovery code").fill(codes[0]!.toLowerCase());
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL("**/auth/");
  await page.goto("/auth/factors");
  await page.getByText("You have 9 recovery codes left.").waitFor();

  await page.goto("/auth/data");
  await page.getByRole("link", { name: "Delete your account" }).click();
  await page.getByText("After 14 days the account is deleted for ever.").waitFor();
  await page.getByRole("button", { name: "Delete your account" }).click();
  await page.getByText("Your account will be deleted in two weeks.").waitFor();
  expect((await mail(server(), ann.email!)).subject).toContain("Your account will be deleted");
  await page.goto("/auth/");
  await page.waitForURL("**/auth/login*");
}));
