import { afterAll, describe, test } from "vitest";
import type { Visitor } from "../lib/browser.ts";
import { Caller } from "../lib/caller.ts";
import { house } from "../lib/flows.ts";
import { signOut, somebody } from "../lib/people.ts";
import { upstream, type Upstream } from "../lib/upstream.ts";

let corp: Upstream;
const { visit, server } = house(async (url) => {
  corp = await upstream(url + "/auth/social/corp/callback");
  return `[[provider]]
id = "corp"
name = "Example Corp"
issuer = "${corp.url}"
client_id = "the-client"
client_secret = "between the two of us"
private_network = true
`;
});
afterAll(() => corp?.stop());

// flow is a test with and without JavaScript, in which the provider may be asked, too.
function flow(name: string, steps: (v: Visitor) => Promise<void>) {
  describe(name, () => {
    for (const js of [true, false]) {
      test(js ? "with JavaScript" : "without JavaScript", () => visit({ js, hosts: [new URL(corp.url).host] }, steps));
    }
  });
}

flow("who comes from a provider the first time gets an account, which cannot lose its last way in", async ({ page }) => {
  const { name } = somebody();
  await corp.become({ sub: name, preferred_username: name });
  await page.goto("/auth/login?return_to=%2Fauth%2Fidentities");
  await page.getByRole("link", { name: "Continue with Example Corp" }).click();
  await page.waitForURL("**/auth/identities");
  await page.getByRole("button", { name: "Disconnect Example Corp" }).click();
  await page.getByText("This is the last way to sign in to your account.").waitFor();
  await page.goto("/auth/");
  await signOut(page);
  await page.getByRole("link", { name: /Continue with Example Corp\s+used last/ }).waitFor();
});

flow("who has a name there that is taken here chooses another", async ({ page }) => {
  const taken = somebody(), { name } = somebody();
  await Caller.register(server(), taken);
  await corp.become({ sub: name, preferred_username: taken.name });
  await page.goto("/auth/login");
  await page.getByRole("link", { name: "Continue with Example Corp" }).click();
  await page.getByText("Choose the name that you want to have here.").waitFor();
  await page.getByLabel("User name").fill(taken.name);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("alert").getByText("This user name is taken.").waitFor();
  await page.getByLabel("User name").fill(name);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("heading", { name: `Hello, ${name}` }).waitFor();
});

flow("a sign-in elsewhere is connected, used and disconnected", async ({ page }) => {
  const ann = somebody(), caller = await Caller.register(server(), ann);
  await corp.become({ sub: ann.name, preferred_username: "somebody else" });
  await caller.lend(page);
  await page.goto("/auth/identities");
  await page.getByText("No account elsewhere is connected with yours.").waitFor();
  await page.getByRole("button", { name: "Connect Example Corp" }).click();
  await page.getByText("The sign-in is connected with your account.").waitFor();
  await signOut(page);
  await page.getByRole("link", { name: "Continue with Example Corp" }).click();
  await page.getByRole("heading", { name: `Hello, ${ann.name}` }).waitFor();
  await page.goto("/auth/identities");
  await page.getByRole("button", { name: "Disconnect Example Corp" }).click();
  await page.getByText("The sign-in is no longer connected with your account.").waitFor();
});

