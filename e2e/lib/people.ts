import type { Page } from "playwright-core";

export const password = "correct horse battery staple";

// A person as the tests know them.
export interface Person { name: string; password: string; email?: string }

let count = 0;

// somebody is a new name for each test.
export function somebody(email = false): Person {
  const name = `ann-${process.pid}-${++count}`;
  return { name, password, ...(email ? { email: `${name}@example.com` } : {}) };
}

// What is found by its name in the form works in every language.
const fill = (page: Page, name: string, value: string) => page.locator(`main [name=${name}]`).fill(value);
const submit = (page: Page, action: string) => page.locator(`form[action$="${action}"] button[type=submit]`).first().click();

// register makes the account on the page for it.
export async function register(page: Page, person: Person) {
  await page.goto("/auth/register");
  await fill(page, "username", person.name);
  if (person.email) await fill(page, "email", person.email);
  await fill(page, "password", person.password);
  await submit(page, "/register");
}

// signIn types name and password on the sign-in page.
export async function signIn(page: Page, person: Person, path = "/auth/login") {
  await page.goto(path);
  await fill(page, "identifier", person.name);
  await fill(page, "password", person.password);
  await submit(page, "/login");
}

export async function signOut(page: Page) {
  await submit(page, "/logout");
}
