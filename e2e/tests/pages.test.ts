import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { house } from "../lib/flows.ts";
import { accessible, edges, reachable, reflows, visibleFocus } from "../lib/look.ts";
import { sights } from "../lib/pages.ts";

const { visit, server } = house();

const long = Boolean(process.env.SALLYPORT_TEST_LONG);

// speak opens the page again in another language: by cookie, as for a person who has
// chosen it, so that a page that answers a form is the same page.
async function speak(page: Page, language: string) {
  await page.context().addCookies([{ name: "sallyport-locale", value: language, url: server().url + "/auth" }]);
  await page.reload();
  expect(await page.locator("html").getAttribute("lang")).toBe(language);
}

describe("in every colour, language and direction axe finds nothing; it fits 320 px and is fit for fingers, keys and forced colours", () => {
  for (const sight of sights) {
    test(sight.name, () => visit({}, async ({ page }) => {
      await sight.open(page, server());
      const whole = long || sight.main;
      for (const language of whole ? ["en", "de", "ar-XB"] : ["en"]) { // ar-XB: English, from right to left
        if (language !== "en") await speak(page, language);
        for (const colorScheme of whole ? ["light", "dark"] as const : ["light"] as const) {
          await page.emulateMedia({ colorScheme });
          await accessible(page, `${sight.name} in ${language}, ${colorScheme}`);
        }
      }
      await page.setViewportSize({ width: 320, height: 640 }); // 1280 px at 400 %
      await speak(page, "en-XA"); // longer words
      await reflows(page, sight.name);
      await reachable(page, sight.name);
      await visibleFocus(page, sight.name);
      await page.emulateMedia({ forcedColors: "active" });
      await edges(page, sight.name);
    }));
  }
});
