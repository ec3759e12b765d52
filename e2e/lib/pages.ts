import type { Page } from "playwright-core";
import { register, somebody } from "./people.ts";
import type { Server } from "./server.ts";

// A Sight is a page to look at, and how one gets there: from a new browser, with
// nobody signed in.
export interface Sight {
  name: string; // of its picture, too
  open(page: Page, server: Server): Promise<unknown>;
  main?: boolean; // looked at in every colour, language and direction each time
}

// at is a page that anybody can open.
const at = (path: string) => (page: Page) => page.goto(path);

// within is a page of somebody who has just registered.
const within = (path: string, more?: (page: Page) => Promise<unknown>) => async (page: Page) => {
  await register(page, { ...somebody(true) });
  await page.goto(path);
  await more?.(page);
};

// Every page. A line each.
export const sights: Sight[] = [
  { name: "sign-in", open: at("/auth/login"), main: true },
  { name: "sign-in-failed", open: async (page) => {
    await page.goto("/auth/login");
    await page.locator("[name=identifier]").fill("ann");
    await page.locator("[name=password]").fill("wrong");
    await page.locator("main form button[type=submit]").first().click();
    await page.getByRole("alert").waitFor();
  } },
  { name: "signed-out", open: at("/auth/login?signed_out=1") },
  { name: "register", open: at("/auth/register") },
  { name: "set-up", open: (page, server) => page.goto(server.setUp) },
  { name: "not-found", open: at("/auth/nowhere") },
  { name: "account", open: within("/auth/"), main: true },
  { name: "passkeys", open: within("/auth/passkeys") },
];
