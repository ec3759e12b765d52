import { expect } from "vitest";
import { Caller, mail } from "../lib/caller.ts";
import { flow, house } from "../lib/flows.ts";
import { password, signIn, somebody } from "../lib/people.ts";

const { visit, server } = house();
const byAddress = house('[service]\nregistration = "email"\n');

const another = "seven geese over the fjord";

flow("a forgotten password is replaced by the link, and who was signed in is no longer", visit, async ({ page }) => {
  const ann = somebody(true), before = await Caller.register(server(), ann);
  await page.goto("/auth/login");
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await page.getByLabel("User name or e-mail").fill(ann.email!);
  await page.getByRole("button", { name: "Send the mail" }).click();
  await page.getByText("Check your inbox.").waitFor();
  const { link } = await mail(server(), ann.email!, "reset");
  await page.goto(link);
  expect(page.url()).not.toContain("token");
  expect((await fetch(link, { redirect: "manual" })).status, "who only looks uses nothing up").toBe(303);
  await page.getByLabel("New password", { exact: true }).fill("password password");
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByRole("alert").getByText("too easy to guess").waitFor();
  expect(await page.getByLabel("New password", { exact: true }).getAttribute("aria-invalid")).toBe("true");
  await page.getByLabel("New password", { exact: true }).fill(another);
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByText("The password is set.").waitFor();
  expect((await before.try("/auth/me")).status).toBe(401);
  await signIn(page, { ...ann, password: another });
  await page.waitForURL("**/auth/");
  await page.goto(link);
  await page.getByLabel("New password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByRole("alert").getByText("does not work, or no longer").waitFor();
});

flow("a forgotten password is replaced by the code, and the second factor is asked for as ever", visit, async ({ page }) => {
  const ann = somebody(true), caller = await Caller.register(server(), ann), { app } = await caller.app();
  await page.goto("/auth/password/forgot");
  await page.getByLabel("User name or e-mail").fill(ann.name);
  await page.getByRole("button", { name: "Send the mail" }).click();
  expect(await page.getByLabel("User name or e-mail").inputValue(), "nothing is asked twice").toBe(ann.name);
  const { code } = await mail(server(), ann.email!, "reset");
  await page.getByLabel("Code from the mail").fill(code.toLowerCase().replace("-", " "));
  await page.getByLabel("New password", { exact: true }).fill(another);
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByText("The password is set.").waitFor();
  await signIn(page, { ...ann, password: another });
  await page.getByLabel("Code from your app").fill(app.code());
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL("**/auth/");
});

flow("nobody learns whether there is an account", visit, async ({ page }) => {
  for (const path of ["/auth/password/forgot", "/auth/link"]) {
    await page.goto(path);
    await page.getByLabel("User name or e-mail").fill("nobody@example.com");
    await page.getByRole("button", { name: "Send the mail" }).click();
    await page.getByText("Check your inbox.").waitFor();
    await page.getByLabel("Code from the mail").fill("ABCD-EFGH");
    if (path.endsWith("forgot")) await page.getByLabel("New password", { exact: true }).fill(another);
    await page.locator("main form button[type=submit]").first().click();
    await page.getByRole("alert").getByText("This link or code does not work, or no longer.").waitFor();
  }
});

flow("a mail signs in, by link and by code, and leads where one was going", visit, async ({ page }) => {
  const ann = somebody(true);
  await Caller.register(server(), ann);
  await page.goto("/auth/login?return_to=%2Fauth%2Fprofile");
  await page.getByRole("link", { name: "Sign in by mail" }).click();
  await page.getByLabel("User name or e-mail").fill(ann.email!);
  await page.getByRole("button", { name: "Send the mail" }).click();
  const { link, code } = await mail(server(), ann.email!, "link");
  await page.goto(link);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("**/auth/profile");

  await page.context().clearCookies();
  await page.goto("/auth/link/redeem");
  await page.getByLabel("User name or e-mail").fill(ann.email!);
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("no longer").waitFor(); // the link was used
});

flow("an address is proved by its code, once one is signed in", visit, async ({ page }) => {
  const ann = somebody(true), caller = new Caller(server());
  await caller.ask("/auth/register", { username: ann.name, email: ann.email, password: ann.password, mode: "cookie" });
  const { link, code } = await mail(server(), ann.email!);
  await page.goto(link);
  await page.getByText("Sign in to confirm the address.").waitFor();
  await caller.lend(page);
  await page.goto("/auth/email");
  await page.getByText("not verified").waitFor();
  await page.getByRole("link", { name: "Type the code from the mail" }).click();
  await page.context().clearCookies({ name: /token/ });
  await page.goto("/auth/email/verify");
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("Your address is confirmed.").waitFor();
});

flow("who registers with an address proves it first, and hears nothing of others", byAddress.visit, async ({ page }) => {
  const ann = somebody(true);
  for (const round of ["new", "taken"]) {
    await page.goto("/auth/register");
    await page.getByLabel("E-mail").fill(ann.email!);
    await page.getByLabel("Password", { exact: true }).fill(ann.password);
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByText("Check your inbox.").waitFor();
    const { subject, code } = await mail(byAddress.server(), ann.email!);
    expect(subject).toContain(round === "new" ? "Confirm your address" : "You have an account already");
    if (round === "taken") return;
    await page.getByLabel("Code from the mail").fill(code);
    await page.getByRole("button", { name: "Confirm" }).click();
    await page.getByText("Your address is confirmed.").waitFor();
    await signIn(page, { ...ann, name: ann.email! });
    await page.waitForURL("**/auth/");
    await page.context().clearCookies();
  }
});

flow("the link proves an address in another browser, with a password of its own", byAddress.visit, async ({ page }) => {
  const ann = somebody(true);
  await new Caller(byAddress.server()).ask("/auth/register", { email: ann.email, password: ann.password });
  await page.goto((await mail(byAddress.server(), ann.email!)).link);
  await page.getByLabel("New password", { exact: true }).fill(another);
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("Your address is confirmed.").waitFor();
  await signIn(page, { name: ann.email!, password: another });
  await page.waitForURL("**/auth/");
});
