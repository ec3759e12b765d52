import type { Page } from "playwright-core";
import { describe, test } from "vitest";
import { accessible, edges, reachable, reflows, visibleFocus } from "../lib/look.ts";
import { approach, houses, sights, speak, view, type Sight } from "../lib/pages.ts";
import type { Server } from "../lib/server.ts";

const rooms = houses();

const long = Boolean(process.env.SALLYPORT_TEST_LONG);

async function look(page: Page, server: Server, sight: Sight) {
  await approach(sight, page, server, { width: 1024, height: 760 });
  const whole = long || sight.main;
  for (const language of whole ? ["en", "de", "ar-XB"] : ["en"]) { // ar-XB: English, from right to left
    if (language !== "en") await speak(page, server, language);
    for (const colorScheme of whole ? ["light", "dark"] as const : ["light"] as const) {
      await page.emulateMedia({ colorScheme });
      await accessible(page, `${sight.name} in ${language}, ${colorScheme}`);
    }
  }
  await page.setViewportSize({ width: 320, height: 640 }); // 1280 px at 400 %
  await speak(page, server, "en-XA"); // longer words
  await reflows(page, sight.name);
  await reachable(page, sight.name);
  await visibleFocus(page, sight.name);
  await page.emulateMedia({ forcedColors: "active" });
  await edges(page, sight.name);
}

describe("in every colour, language and direction axe finds nothing; it fits 320 px and is fit for fingers, keys and forced colours", () => {
  for (const sight of sights) {
    const { visit, server } = rooms[sight.in ?? "ours"];
    test(sight.name, () => visit(view(), ({ page }) => look(page, server(), sight)));
  }
});
