import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { Caller } from "../lib/caller.ts";
import { flow, house } from "../lib/flows.ts";
import { register, signIn, signOut, somebody } from "../lib/people.ts";

const { visit, server } = house();

flow("a person registers, signs out and signs in again", visit, async ({ page }) => {
  const ann = somebody(true);
  await register(page, ann);
  await page.getByRole("heading", { level: 1 }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/auth/");
  await signOut(page);
  await page.getByText("You are signed out.").waitFor();
  await signIn(page, ann);
  await page.waitForURL("**/auth/");
  await signOut(page);
  await page.getByText("You are signed out.").waitFor();
  await page.goBack();
  expect(new URL(page.url()).pathname, "no private page after signing out").not.toBe("/auth/");
});

flow("a failed sign-in says so, keeps the name and clears the password", visit, async ({ page }) => {
  const nobody = somebody();
  const answer = page.waitForResponse((r) => r.request().method() === "POST" && new URL(r.url()).pathname === "/auth/login");
  await signIn(page, nobody);
  expect((await answer).status()).toBe(422);
  const alert = page.getByRole("alert");
  await alert.waitFor();
  expect(await page.title()).toMatch(/^Error: /);
  expect(await page.getByLabel("User name or e-mail").inputValue()).toBe(nobody.name);
  expect(await page.getByLabel("Password", { exact: true }).inputValue()).toBe("");
  expect(await alert.evaluate((e) => e === document.activeElement), "the summary has the focus").toBe(true);
});

flow("who has tried too often hears how long to wait, and keeps the form", visit, async ({ page }) => {
  const nobody = somebody();
  for (let i = 0; i < 6; i++) await new Caller(server()).try("/auth/login", { identifier: nobody.name, password: "wrong" });
  const answer = page.waitForResponse((r) => r.request().method() === "POST" && new URL(r.url()).pathname === "/auth/login");
  await signIn(page, nobody);
  expect((await answer).status()).toBe(429);
  expect(Number((await answer).headers()["retry-after"])).toBeGreaterThan(0);
  await page.getByRole("alert").getByText(/Wait (a|\d+) (second|minute)s?, then try again\./).waitFor();
  expect(await page.getByLabel("User name or e-mail").inputValue()).toBe(nobody.name);
});

flow("a page that needs sign-in leads there and back", visit, async ({ page }) => {
  const ann = somebody();
  await register(page, ann);
  await signOut(page);
  await page.goto("/auth/sessions?from=here").catch(() => undefined);
  await page.waitForURL("**/auth/login?return_to=*");
  await page.getByLabel("User name or e-mail").fill(ann.name);
  await page.getByLabel("Password", { exact: true }).fill(ann.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/auth/sessions?from=here");
});

flow("a weak password is refused in words", visit, async ({ page }) => {
  await register(page, { ...somebody(), password: "password password" });
  const alert = page.getByRole("alert");
  await alert.waitFor();
  expect(await alert.textContent()).toContain("too easy to guess");
});

flow("the language can be chosen and stays", visit, async ({ page }) => {
  await page.goto("/auth/login?return_to=%2Fauth%2F");
  await page.getByRole("link", { name: "Deutsch" }).click();
  await page.getByRole("heading", { name: "Anmelden" }).waitFor();
  expect(await page.locator("html").getAttribute("lang")).toBe("de");
  expect(await page.locator("form[action='/auth/login'] input[name=return_to]").inputValue()).toBe("/auth/");
  await page.goto("/auth/register");
  await page.getByRole("heading", { name: "Registrieren" }).waitFor();
});

flow("the first administrator is made by the link", visit, async ({ page }, js) => {
  if (js) return; // it works once
  await page.goto(server().setUp);
  await page.getByLabel("User name").fill("root");
  await page.getByLabel("Password", { exact: true }).fill(somebody().password);
  await page.getByRole("button", { name: "Create administrator" }).click();
  await page.waitForURL("**/auth/");
  await page.goto(server().setUp);
  await page.getByText("There is nothing at this address.").waitFor();
});

test("Enter submits, and the first stop is the name", () => visit({}, async ({ page }) => {
  const ann = somebody();
  await register(page, ann);
  await signOut(page);
  await page.goto("/auth/login");
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("identifier");
  await page.keyboard.type(ann.name);
  await page.getByLabel("Password", { exact: true }).fill(ann.password);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/auth/");
}));

test("a password can be shown, and is hidden again when it is sent", () => visit({}, async ({ page }) => {
  await page.goto("/auth/login");
  const input = page.getByLabel("Password", { exact: true });
  const button = page.getByRole("button", { name: "Show password" });
  await input.fill("secret");
  await button.click();
  expect(await input.getAttribute("type")).toBe("text");
  expect(await button.getAttribute("aria-pressed")).toBe("true");
  const sent = page.evaluate(() => new Promise((resolve) => {
    document.querySelector("form")!.addEventListener("submit", (event) => {
      event.preventDefault();
      resolve(document.querySelector<HTMLInputElement>("#password")!.type);
    });
  }));
  await page.getByLabel("User name or e-mail").fill("ann");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  expect(await sent).toBe("password");
}));

test("how long a new password is, is said while it is typed", () => visit({}, async ({ page }) => {
  await page.goto("/auth/register");
  await page.getByLabel("Password", { exact: true }).fill("plums ripen");
  await page.getByRole("status").getByText("11 of at least 15 characters.").waitFor();
  await page.getByLabel("Password", { exact: true }).fill("plums ripen late");
  await page.getByRole("status").getByText("Long enough.").waitFor();
}));

test("what may be pasted is pasted", () => visit({}, async ({ page }) => {
  await page.goto("/auth/login");
  for (const name of ["identifier", "password"]) {
    const kept = await page.locator(`[name=${name}]`).evaluate((e) => e.dispatchEvent(new ClipboardEvent("paste", { cancelable: true, bubbles: true })));
    expect(kept, name).toBe(true);
  }
}));

test("the sign-in page takes at most 20 kB and 5 requests", () => visit({}, async (v) => {
  let bytes = 0;
  const bodies: Promise<void>[] = [];
  v.page.on("response", (response) => {
    bodies.push(response.body().then((body) => { bytes += gzipSync(body).length; }));
  });
  await v.page.goto("/auth/login", { waitUntil: "networkidle" });
  await Promise.all(bodies);
  const icon = await v.page.locator("link[rel=icon]").getAttribute("href");
  const asked = new Set(v.requests.map((url) => new URL(url).pathname));
  if (!asked.has(icon!)) { // without a window nobody asks for it
    bytes += gzipSync(await (await v.context.request.get(icon!)).body()).length;
    asked.add(icon!);
  }
  console.log(`sign-in page: ${(bytes / 1000).toFixed(1)} kB gzipped, ${asked.size} requests`);
  expect(bytes).toBeLessThanOrEqual(20_000);
  expect(asked.size, [...asked].join(" ")).toBeLessThanOrEqual(5);
}));
