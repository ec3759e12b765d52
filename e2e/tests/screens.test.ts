import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { approach, houses, sights, speak, view } from "../lib/pages.ts";
import { beside } from "../lib/picture.ts";

// Every page as a picture in docs/screens: light and dark beside each other, and the main
// ones on a telephone, too. npm run screens makes them anew. To look at another language,
// SALLYPORT_SCREENS_LANGUAGE=de npm run screens writes to docs/screens/de, which is not kept.

const rooms = houses();
const language = process.env.SALLYPORT_SCREENS_LANGUAGE;
const folder = join(import.meta.dirname, "../../docs/screens", language ?? "");

// Some of them alone: SALLYPORT_SCREENS_ONLY=sign-in,account.
const only = process.env.SALLYPORT_SCREENS_ONLY?.split(",");

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  for (const name of only ? [] : readdirSync(folder)) if (name.endsWith(".png")) rmSync(join(folder, name));
});

for (const sight of sights) {
  if (only && !only.includes(sight.name)) continue;
  const { visit, server, browser } = rooms[sight.in ?? "ours"];
  test(sight.name, () => visit(view(), async ({ page }) => {
    const width = sight.wide ? 900 : 560;
    await approach(sight, page, server(), { width, height: 480 });
    if (language) await speak(page, server(), language);
    const shots: Buffer[] = [];
    const shoot = async (colorScheme: "light" | "dark", clip?: { x: number; y: number; width: number; height: number }) => {
      await page.emulateMedia({ colorScheme });
      shots.push(await page.screenshot({ fullPage: true, caret: "hide", clip }));
    };
    await shoot("light");
    const main = (await page.locator("main").boundingBox())!; // beside it there is nothing new in the dark
    await shoot("dark", sight.wide ? { x: main.x - 16, y: 0, width: width - main.x + 16, height: main.y + main.height + 16 } : undefined);
    if (sight.main || language) {
      await page.setViewportSize({ width: 320, height: 480 });
      await shoot("light");
    }
    writeFileSync(join(folder, sight.name + ".png"), await beside(browser(), shots));
  }));
}

afterAll(() => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".png"));
  const bytes = files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  console.log(`${files.length} pictures, ${(bytes / 1e6).toFixed(2)} MB`);
  if (!language) expect(bytes, "the pictures are part of every checkout").toBeLessThan(2_000_000);
});
