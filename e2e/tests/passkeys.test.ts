import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { Device } from "../lib/device.ts";
import { flow, house } from "../lib/flows.ts";
import { register, signIn, signOut, somebody } from "../lib/people.ts";

const { visit } = house();

async function create(page: Page) {
  await page.goto("/auth/passkeys");
  await page.getByRole("button", { name: "Create a passkey" }).click();
  await page.getByLabel("I saved these codes").check(); // it is the first second factor
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("The passkey is created.").waitFor();
}

test("a passkey is created, signs in by autofill, is renamed and removed", () => visit({ alone: true }, async ({ page }) => {
  const ann = somebody(true), device = await Device.plugIn(page);
  await register(page, ann);
  await page.waitForURL("**/auth/");
  await create(page);
  expect(await device.held()).toBe(1);
  await signOut(page);

  // The virtual device answers what the page asks for below the field by itself.
  await page.waitForURL("**/auth/");
  await page.goto("/auth/passkeys");
  await page.getByText("last used just now").waitFor();

  await page.getByText("Rename", { exact: true }).click();
  await page.getByLabel("Name").fill("Key ring");
  await page.getByRole("button", { name: "Save name" }).click();
  await page.getByText("The passkey has its new name.").waitFor();
  await page.getByRole("button", { name: "Remove Key ring" }).click();
  await page.getByText("You have no passkey yet.").waitFor();
}));

test("the button signs in, too, while the password can be typed", () => visit({ alone: true }, async ({ page }) => {
  const ann = somebody(), device = await Device.plugIn(page);
  await register(page, ann);
  await page.waitForURL("**/auth/");
  await create(page);
  await device.touched(false);
  await signOut(page);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByLabel("User name or e-mail").fill("typed meanwhile");
  await device.touched(true);
  // Now and then the device answers what is asked for below the field before the button is reached.
  await Promise.all([page.waitForURL("**/auth/"), page.getByRole("button", { name: "Sign in with a passkey" }).click({ timeout: 5000 }).catch(() => undefined)]);
}));

test("a passkey that is asked for beside it does not keep a password from signing in", () => visit({ alone: true }, async ({ page }) => {
  const device = await Device.plugIn(page);
  await device.touched(false);
  const ann = somebody();
  await register(page, ann);
  await page.waitForURL("**/auth/");
  await signOut(page);
  await signIn(page, ann);
  await page.waitForURL("**/auth/");
}));

test("a device without the passkey says so quietly, and can be asked again", () => visit({ alone: true }, async ({ page }) => {
  const device = await Device.plugIn(page);
  await page.goto("/auth/login");
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByText("Passkey sign-in was cancelled.").waitFor();
  expect(await page.getByRole("alert").count()).toBe(0);
  expect(await page.getByRole("button", { name: "Sign in with a passkey" }).isEnabled()).toBe(true);
  await device.unplug();
}));

test("a passkey is offered to who has none, and not again for a while", () => visit({ alone: true }, async ({ page }) => {
  await Device.plugIn(page);
  await register(page, somebody());
  await page.getByRole("heading", { name: "Sign in faster next time" }).waitFor();
  await page.getByRole("button", { name: "Not now" }).click();
  await page.waitForURL("**/auth/");
  await page.getByRole("heading", { level: 1 }).waitFor();
  expect(await page.getByRole("heading", { name: "Sign in faster next time" }).count()).toBe(0);
  const dismissed = (await page.context().cookies()).find((c) => c.name === "sallyport-passkey-offer");
  expect(dismissed!.expires - Date.now() / 1000).toBeGreaterThan(29 * 86_400);
}));

test("the same device makes no second passkey", () => visit({ alone: true }, async ({ page }) => {
  await Device.plugIn(page);
  await register(page, somebody());
  await page.waitForURL("**/auth/");
  await create(page);
  await page.getByRole("button", { name: "Create a passkey" }).click();
  await page.getByText("This device already has a passkey.").waitFor();
}));

test("a passkey that was removed here is refused in words, and the device is told", () => visit({ alone: true }, async ({ page }) => {
  const ann = somebody(), device = await Device.plugIn(page);
  await register(page, ann);
  await page.waitForURL("**/auth/");
  await create(page);
  await device.touched(false);
  await page.evaluate(() => { // what a browser without the signal would leave on the device
    Object.assign(PublicKeyCredential, { signalAllAcceptedCredentials: async () => {}, signalUnknownCredential: undefined });
  });
  await page.addInitScript(() => {
    const told: unknown[] = [];
    Object.assign(PublicKeyCredential, {
      signalAllAcceptedCredentials: async () => {},
      signalUnknownCredential: async (o: unknown) => { told.push(o); (globalThis as { told?: unknown }).told = told; },
    });
  });
  await page.goto("/auth/passkeys");
  await page.getByRole("button", { name: /^Remove / }).click();
  await page.getByText("You have no passkey yet.").waitFor();
  await signOut(page);
  await device.touched(true); // and it answers what is asked for below the field
  await page.getByRole("alert").getByText("This passkey belongs to no account here.").waitFor();
  await expect.poll(() => page.evaluate(() => (globalThis as { told?: unknown[] }).told)).toEqual([
    { rpId: "localhost", credentialId: expect.any(String) },
  ]);
}));

test("a device that cannot make sure of its user says so quietly", () => visit({ alone: true }, async ({ page }) => {
  // Nothing is asked for below the field, so that the device has but one thing to do.
  await page.addInitScript(() => Object.assign(PublicKeyCredential, { isConditionalMediationAvailable: async () => false }));
  const ann = somebody(), device = await Device.plugIn(page);
  await register(page, ann);
  await page.waitForURL("**/auth/");
  await create(page);
  await signOut(page);
  await device.knows(false);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByText("Passkey sign-in was cancelled.").waitFor();
  await device.knows(true);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.waitForURL("**/auth/");
}));

test("after a password a passkey is the second factor", () => visit({ alone: true }, async ({ page }) => {
  const ann = somebody(), device = await Device.plugIn(page);
  await register(page, ann);
  await page.waitForURL("**/auth/");
  await create(page);
  await device.touched(false);
  await signOut(page);
  await signIn(page, ann);
  await page.getByRole("heading", { name: "One more step" }).waitFor();
  await device.touched(true);
  await page.getByRole("button", { name: "Use a passkey" }).click();
  await page.waitForURL("**/auth/");
}));

flow("without a passkey nobody is asked for one", visit, async ({ page }, js) => {
  await page.goto("/auth/login");
  const button = page.getByRole("button", { name: "Sign in with a passkey" });
  expect(await button.isVisible()).toBe(js);
  await register(page, somebody());
  await page.goto("/auth/passkeys");
  expect(await page.getByRole("button", { name: "Create a passkey" }).isVisible()).toBe(js);
});
