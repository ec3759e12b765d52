import { expect, test } from "vitest";
import { App, Caller, mail } from "../lib/caller.ts";
import { flow, house } from "../lib/flows.ts";
import { signIn, signOut, somebody, type Person } from "../lib/people.ts";

const { visit, server } = house();
const strict = house('[factors]\nrequired = ["*"]\n');

// guarded is somebody who has an authenticator app and codes by e-mail.
async function guarded(): Promise<{ ann: Person; caller: Caller; app: App; codes: string[] }> {
  const ann = somebody(true), caller = await Caller.register(server(), ann), { app, codes } = await caller.app();
  return { ann, caller, app, codes };
}

flow("an authenticator app is set up, asked for, replaced and removed", visit, async ({ page }, js) => {
  const ann = somebody();
  await (await Caller.register(server(), ann)).lend(page);
  await page.goto("/auth/factors");
  await page.getByRole("link", { name: "Set up an authenticator app" }).click();
  await page.getByRole("button", { name: "Show the key for the app" }).click();
  await page.getByRole("img", { name: /^QR code/ }).waitFor();
  expect(await page.getByRole("link", { name: "Open in an app on this device" }).getAttribute("href")).toMatch(/^otpauth:\/\/totp\//);
  const app = new App((await page.locator("code.shown").textContent())!);
  await page.getByLabel("Code that the app shows now").fill("000000");
  await page.getByRole("button", { name: "Turn on" }).click();
  await page.getByRole("alert").getByText("That was not right.").waitFor();
  const code = app.code();
  await page.getByLabel("Code that the app shows now").fill(`${code.slice(0, 3)} ${code.slice(3)}`);
  await page.getByRole("button", { name: "Turn on" }).click();

  await page.getByText("They are shown only this once.").waitFor();
  const codes = await page.locator("ul.codes code").allTextContents();
  const file = await page.getByRole("link", { name: "Download" }).getAttribute("href");
  expect(decodeURIComponent(file!.replace(/^[^,]*,/, "")).trim().split("\r\n")).toEqual(codes);
  expect(await page.getByRole("button", { name: "Print" }).isVisible()).toBe(js);
  await page.getByRole("button", { name: "Continue" }).click();
  expect(await page.locator("ul.codes").count(), "not before they are saved").toBe(1);
  await page.getByLabel("I saved these codes").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL("**/auth/factors");

  await signOut(page);
  await signIn(page, ann);
  await page.getByRole("heading", { name: "One more step" }).waitFor();
  await page.getByLabel("Code from your app").fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("alert").getByText("This code was used already.").waitFor();
  await page.getByLabel("Code from your app").fill(app.code());
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL("**/auth/");

  await page.goto("/auth/factors");
  await page.getByRole("button", { name: "Remove the authenticator app" }).click();
  await page.getByText("The second factor was removed.").waitFor();
});

flow("a code out of the mail is a second factor, and another can be asked for after a while", visit, async ({ page }, js) => {
  const ann = somebody(true);
  await (await Caller.register(server(), ann)).lend(page);
  await page.goto("/auth/factors");
  await page.getByRole("link", { name: "Set up codes by e-mail" }).click();
  await page.getByRole("button", { name: "Send a code" }).click();
  await page.getByText("We have sent a code to").waitFor();
  const again = page.getByRole("button", { name: "Send another code" });
  await page.getByText(/You can ask for another code in \d+ seconds\./).waitFor();
  if (js) expect(await again.isDisabled()).toBe(true);
  else {
    await again.click();
    await page.getByRole("alert").getByText("A code was sent just now.").waitFor();
  }
  await page.getByLabel("Code from the message").fill((await mail(server(), ann.email!, "code_email")).code);
  await page.getByRole("button", { name: "Turn on" }).click();
  await page.getByLabel("I saved these codes").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL("**/auth/factors");
  await signOut(page);

  await signIn(page, ann);
  await page.getByRole("link", { name: "Code by e-mail" }).click();
  await page.getByRole("button", { name: "Send a code" }).click();
  await page.getByLabel("Code from the e-mail").fill("123456");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("alert").getByText("That was not right.").waitFor();
  await page.getByLabel("Code from the e-mail").fill((await mail(server(), ann.email!, "code_email")).code);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL("**/auth/");
});

flow("a text message is one, too", visit, async ({ page }, js) => {
  const ann = somebody(), phone = js ? "+4930123456" : "+4930123457";
  await (await Caller.register(server(), ann)).lend(page);
  await page.goto("/auth/factors");
  await page.getByRole("link", { name: "Set up codes by text message" }).click();
  await page.getByLabel("Telephone number").fill("030 123456");
  await page.getByRole("button", { name: "Send a code" }).click();
  await page.getByRole("alert").getByText("Write the number with its country code").waitFor();
  expect(await page.getByLabel("Telephone number").inputValue()).toBe("030 123456");
  await page.getByLabel("Telephone number").fill(phone);
  await page.getByRole("button", { name: "Send a code" }).click();
  const { code, text } = await mail(server(), phone);
  expect(text).toContain(code);
  await page.getByLabel("Code from the message").fill(code);
  await page.getByRole("button", { name: "Turn on" }).click();
  await page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
});

flow("a recovery code lets in once, and new ones end the old", visit, async ({ page }) => {
  const { ann, codes } = await guarded();
  const use = async (code: string) => {
    await signIn(page, ann);
    await page.getByRole("link", { name: "Recovery code" }).click();
    await page.getByLabel("Recovery code").fill(code);
    await page.getByRole("button", { name: "Continue" }).click();
  };
  await use(codes[0]!.replace("-", " ").toLowerCase());
  await page.waitForURL("**/auth/");
  await page.goto("/auth/factors");
  await page.getByText("You have 9 recovery codes left.").waitFor();
  await page.getByRole("button", { name: "Make new recovery codes" }).click();
  await page.locator("ul.codes").waitFor();
  const renewed = await page.locator("ul.codes code").allTextContents();
  await page.context().clearCookies();
  await use(codes[1]!);
  await page.getByRole("alert").getByText("That was not right.").waitFor();
  await page.getByLabel("Recovery code").fill(renewed[0]!);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL("**/auth/");
});

flow("a device is trusted, seen in the list, and forgotten", visit, async ({ page }) => {
  const { ann, app } = await guarded();
  await signIn(page, ann);
  await page.getByLabel("Code from your app").fill(app.code());
  await page.getByLabel("Do not ask for this again").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL("**/auth/");
  await signOut(page);
  await signIn(page, ann);
  await page.waitForURL("**/auth/");
  await page.goto("/auth/devices");
  const here = page.getByRole("listitem").filter({ hasText: "This device" });
  await here.getByText("No second factor is asked for until").waitFor();
  await here.getByRole("button", { name: /^Forget / }).click();
  await page.getByText("The device is forgotten.").waitFor();
  await signOut(page);
  await signIn(page, ann);
  await page.getByRole("heading", { name: "One more step" }).waitFor();
});

flow("who asks for something sensitive confirms who they are, and gets there", visit, async ({ page }) => {
  const ann = somebody();
  await (await Caller.register(server(), ann)).lend(page);
  await page.goto("/auth/step-up?return_to=%2Fauth%2Fapi-keys%2Fnew");
  await page.getByText("Confirm that it is you, to make an API key.").waitFor();
  await page.getByLabel("Password", { exact: true }).fill("wrong");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("alert").getByText("The password is wrong.").waitFor();
  const before = (await page.context().cookies()).find((c) => c.name === "sallyport")!.value;
  await page.getByLabel("Password", { exact: true }).fill(ann.password);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL("**/auth/api-keys/new");
  expect((await page.context().cookies()).find((c) => c.name === "sallyport")!.value, "the session goes on under another cookie").not.toBe(before);
});

flow("with a second factor the password alone confirms nothing", visit, async ({ page }) => {
  const { ann, app } = await guarded();
  await signIn(page, ann);
  await page.getByLabel("Code from your app").fill(app.code());
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL("**/auth/");
  await page.goto("/auth/step-up?return_to=%2Fauth%2Fdata");
  expect(await page.getByLabel("Password").count()).toBe(0);
  await page.getByRole("link", { name: "Recovery code" }).waitFor();
});

flow("who must have a second factor sets one up while signing in", strict.visit, async ({ page }) => {
  const ann = somebody();
  await new Caller(strict.server()).try("/auth/register", { username: ann.name, password: ann.password });
  await signIn(page, ann);
  await page.getByRole("heading", { name: "A second factor is needed" }).waitFor();
  await page.goto("/auth/");
  await page.waitForURL("**/auth/login*");
  await page.goto("/auth/mfa");
  await page.getByRole("link", { name: "Set up an authenticator app" }).click();
  await page.getByRole("button", { name: "Show the key for the app" }).click();
  const app = new App((await page.locator("code.shown").textContent())!);
  await page.getByLabel("Code that the app shows now").fill(app.code());
  await page.getByRole("button", { name: "Turn on" }).click();
  await page.getByLabel("I saved these codes").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: `Hello, ${ann.name}` }).waitFor();
});

test("who has but three recovery codes left is warned", () => visit({}, async ({ page }) => {
  const { ann, caller, codes } = await guarded();
  for (const code of codes.slice(0, 7)) {
    const { ticket } = await caller.ask("/auth/login", { identifier: ann.name, password: ann.password, mode: "cookie" });
    await caller.ask("/auth/mfa", { ticket, method: "recovery", code });
  }
  await caller.lend(page);
  await page.goto("/auth/factors");
  await page.getByText("You have 3 recovery codes left. Make new ones before you run out.").waitFor();
}));

test("a sign-in that was begun too long ago begins anew", () => visit({}, async ({ page }) => {
  await page.goto("/auth/mfa");
  await page.getByText("This sign-in has expired. Begin anew.").waitFor();
}));
