import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, test } from "vitest";
import { launch, Visitor, type View } from "./browser.ts";
import { serve, type Server, type Settings } from "./server.ts";

// house starts a server and a browser for a file of tests, and ends them.
export function house(settings: Settings = "") {
  let server: Server, browser: Browser;
  const idle = new Map<string, Visitor>();
  beforeAll(async () => { [server, browser] = await Promise.all([serve(settings), launch()]); });
  afterAll(async () => { await Promise.all([browser?.close(), server?.stop()]); });

  // visit runs steps in a browser that knows nobody, and then holds every page that was
  // seen to the rules for all pages. What one visit leaves behind, the next one takes.
  const visit = async (view: View, steps: (v: Visitor) => Promise<void>) => {
    const kind = JSON.stringify(view);
    const visitor = idle.get(kind) ?? (await Visitor.arrive(browser, server.url, view));
    idle.delete(kind);
    try {
      await steps(visitor);
    } catch (error) {
      await visitor.context.close();
      throw error;
    }
    await visitor.leave();
    if (await visitor.forget()) idle.set(kind, visitor);
  };
  return { visit, server: () => server, browser: () => browser };
}

// flow is a test that must pass with and without JavaScript.
export function flow(name: string, visit: ReturnType<typeof house>["visit"], steps: (v: Visitor, js: boolean) => Promise<void>) {
  describe(name, () => {
    for (const js of [true, false]) {
      test(js ? "with JavaScript" : "without JavaScript", () => visit({ js }, (v) => steps(v, js)));
    }
  });
}
